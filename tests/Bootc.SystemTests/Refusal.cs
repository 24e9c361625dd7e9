using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>An install that cannot be, run as users run it: it ends with one clear line and leaves the machine as it was.</summary>
/// <param name="folder">The folder of the disk image, which containers see as /output.</param>
internal sealed class Refusal(DirectoryInfo folder)
{
    /// <summary>What podman has to be given.</summary>
    public const string Privileged = "--privileged --pid=host -v /dev:/dev -v /var/lib/containers:/var/lib/containers";

    /// <summary>The command that would install to the disk image.</summary>
    public const string ToDisk = "bootc install to-disk --via-loopback --filesystem ext4 --allow-missing-verity --target-imgref registry.example/os:1 /output/disk.img";

    /// <summary>Runs a command in a container, which has to be refused.</summary>
    /// <param name="podman">Whose storage has the image.</param>
    /// <param name="options">Given to podman.</param>
    /// <param name="image">The image.</param>
    /// <param name="command">Words of the command.</param>
    /// <param name="message">A regular expression for the one line.</param>
    /// <returns>The line.</returns>
    public async Task<string> ShouldBeAsync(Podman podman, string options, string image, string command, string message)
    {
        Machine before = await Machine.LookAsync(folder);

        ProgramOutput result = await RunAsync(podman, options, image, command.Split(' '));

        result.ExitCode.Should().Be(1, result.ToString());
        string line = OneLine(result);
        line.Should().MatchRegex(message);
        (await before.SettledAsync(folder)).Should().BeEquivalentTo(before);
        return line;
    }

    /// <summary>Runs a command in a container.</summary>
    public Task<ProgramOutput> RunAsync(Podman podman, string options, string image, params string[] command) =>
        podman.TryRunAsync(
            ["run", "--rm", "--network=none", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-v", $"{folder.FullName}:/output", image, .. command]);

    /// <summary>The error, which has to be on one line.</summary>
    public static string OneLine(ProgramOutput result) =>
        result.Error.Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal)).Should().ContainSingle(result.ToString()).Subject;
}
