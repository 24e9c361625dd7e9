namespace Bootc.Testing;

/// <summary>images/debian in several versions, as a pipeline would publish them one after the other.</summary>
public static class UpdateImages
{
    /// <summary>Lines that give an image an initrd that differs in nothing that matters.</summary>
    public const string OtherInitrd = "RUN initrd=$(ls /usr/lib/modules/*/initramfs.img) && head -c 512 /dev/zero >> \"$initrd\"";

    /// <summary>Lines that give an image a health check that fails.</summary>
    public const string FailingCheck =
        """
        RUN mkdir -p /usr/lib/bootc/health.d/required.d && printf '#!/bin/sh\necho no disk today\nexit 1\n' > /usr/lib/bootc/health.d/required.d/10-disk && \
            chmod 755 /usr/lib/bootc/health.d/required.d/10-disk
        """;

    // Without a network a machine gets no updates.
    private const string WithNetwork =
        """
        RUN printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' > /usr/lib/systemd/network/50-lab.network && systemctl enable systemd-networkd
        """;

    /// <summary>A version: it says which in a file of <c>/etc</c>, in one of <c>/usr</c>, in a kernel argument and in a label.</summary>
    /// <param name="base">What it is made from.</param>
    /// <param name="version">The version.</param>
    /// <param name="karg">What the kernel argument says is the version.</param>
    /// <param name="more">More lines of its Containerfile.</param>
    public static Task<string> BuildAsync(string @base, int version, int karg, string more = "") =>
        LabImages.BuildAsync($"debian-v{version}",
            $"""
            FROM {@base}
            {WithNetwork}
            RUN mkdir -p /usr/lib/bootc/kargs.d && \
                echo 'kargs = ["lab.version={karg}", "lab.always=yes"]' > /usr/lib/bootc/kargs.d/50-lab.toml && \
                echo {version} > /usr/share/lab-version && echo {version} > /etc/lab-version && echo image-{version} > /etc/lab-edited
            {more}
            LABEL org.opencontainers.image.version={version}
            """);
}
