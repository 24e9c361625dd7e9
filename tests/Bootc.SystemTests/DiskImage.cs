using System.Text.Json;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>A disk image file that was installed to, read by sfdisk, mtools and debugfs.</summary>
/// <param name="path">The file.</param>
internal sealed class DiskImage(string path)
{
    private const int SectorBytes = 512;

    /// <summary>Size of a partition in bytes, counted from 1.</summary>
    public async Task<long> SizeOfPartitionAsync(int number) => (await PartitionAsync(number)).GetProperty("size").GetInt64() * SectorBytes;

    /// <summary>The lines of the one boot entry.</summary>
    public async Task<string[]> ReadEntryAsync()
    {
        string[] entries = (await MtoolsAsync("mdir", "-b", "::/loader/entries")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return (await MtoolsAsync("mtype", entries.Should().ContainSingle().Subject)).Split('\n', StringSplitOptions.TrimEntries);
    }

    /// <summary>The kernel arguments of the one boot entry, but for the one that names the deployment.</summary>
    public async Task<string> ReadOptionsAsync() => string.Join(' ', (await ReadEntryAsync())
        .Should().ContainSingle(line => line.StartsWith("options ")).Subject.Split(' ').Skip(1)
        .Where(argument => !argument.StartsWith("composefs=", StringComparison.Ordinal)));

    /// <summary>What debugfs prints on a request about the root file system.</summary>
    public async Task<string> DebugfsAsync(string request) =>
        await LabProgram.RunAsync("debugfs", ["-R", request, $"{path}?offset={(await PartitionAsync(2)).GetProperty("start").GetInt64() * SectorBytes}"]);

    /// <summary>The names in a directory of the root file system.</summary>
    public async Task<string[]> ListAsync(string directory) =>
        [.. (await DebugfsAsync($"ls -p {directory}")).Split('\n').Select(line => line.Split('/')).Where(line => line.Length > 5).Select(line => line[5]).Where(name => name is not ("." or ".."))];

    /// <summary>The directory of the one deployment.</summary>
    public async Task<string> DeploymentAsync() => $"/state/deploy/{(await ListAsync("/state/deploy")).Should().ContainSingle().Subject}";

    /// <summary>The origin of the one deployment.</summary>
    public async Task<string> ReadOriginAsync()
    {
        string deployment = await DeploymentAsync();
        return await DebugfsAsync($"cat {deployment}/{Path.GetFileName(deployment)}.origin");
    }

    private async Task<JsonElement> PartitionAsync(int number) =>
        JsonDocument.Parse(await LabProgram.RunAsync("sfdisk", ["--json", path])).RootElement.GetProperty("partitiontable").GetProperty("partitions")[number - 1];

    private async Task<string> MtoolsAsync(string program, params string[] arguments)
    {
        long start = (await PartitionAsync(1)).GetProperty("start").GetInt64() * SectorBytes;
        return await LabProgram.RunAsync("env", ["MTOOLS_SKIP_CHECK=1", program, "-i", $"{path}@@{start}", .. arguments]);
    }
}
