using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>The ESP through mtools, for kernels without vfat.</summary>
public sealed class MtoolsBootFilesystem(string device, Programs programs) : IBootFilesystem
{
    // mtools otherwise refuses partitions whose geometry it finds odd, as loop devices have none.
    private static readonly Dictionary<string, string?> Environment = new() { ["MTOOLS_SKIP_CHECK"] = "1" };

    /// <summary>How it begins to say that a read or write failed. After most of these its exit code is 0 all the same.</summary>
    private static readonly string[] FailureWords = ["plain_io: ", "buffer_flush: "];

    private readonly HashSet<string> _directories = [];

    public async Task EnsureDirectoryAsync(string path, CancellationToken cancellationToken)
    {
        string[] parts = path.Split('/');
        for (int count = 1; count <= parts.Length; count++)
        {
            string directory = string.Join('/', parts[..count]);
            if (_directories.Add(directory))
            {
                await RunAsync(["mmd", "-i", device, $"::/{directory}"], input: null, cancellationToken);
            }
        }
    }

    public Task WriteFileAsync(string path, Stream content, CancellationToken cancellationToken) =>
        RunAsync(["mcopy", "-i", device, "-", $"::/{path}"], content, cancellationToken);

    public Task RenameAsync(string path, string newPath, CancellationToken cancellationToken) =>
        RunAsync(["mren", "-i", device, $"::/{path}", $"::/{newPath}"], input: null, cancellationToken);

    public void Sync()
    {
        using Fd node = Fd.OpenReadWrite(device);
        node.Sync();
    }

    public void Dispose()
    {
    }

    private async Task RunAsync(string[] command, Stream? input, CancellationToken cancellationToken)
    {
        ProgramResult result = await programs.TryRunAsync(command[0], command[1..], input, Environment, cancellationToken);
        if (result.ExitCode != 0 || FailureWords.Any(words => result.LastWords.Contains(words, StringComparison.Ordinal)))
        {
            throw new BootcException($"{string.Join(' ', command)}: exit code {result.ExitCode}{result.LastWords}");
        }
    }
}
