using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>images/debian in several versions, as a pipeline would publish them one after the other.</summary>
internal static class UpdateImages
{
    // Without a network a machine gets no updates.
    private const string WithNetwork =
        """
        RUN printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' > /usr/lib/systemd/network/50-lab.network && systemctl enable systemd-networkd
        """;

    /// <summary>A version: it says which in a file of <c>/etc</c>, in one of <c>/usr</c>, in a kernel argument and in a label.</summary>
    /// <param name="version">The version.</param>
    /// <param name="more">More lines of its Containerfile.</param>
    public static async Task<string> BuildAsync(int version, string more = "") =>
        await LabImages.BuildAsync($"debian-v{version}",
            $"""
            FROM {await LabImages.Debian}
            {WithNetwork}
            RUN mkdir -p /usr/lib/bootc/kargs.d && \
                echo 'kargs = ["lab.version={version}", "lab.always=yes"]' > /usr/lib/bootc/kargs.d/50-lab.toml && \
                echo {version} > /usr/share/lab-version && echo {version} > /etc/lab-version && echo image-{version} > /etc/lab-edited
            {more}
            LABEL org.opencontainers.image.version={version}
            """);
}
