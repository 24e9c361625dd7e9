using System.Globalization;
using Bootc.Testing;
using Bootc.Testing.Bench;

namespace Bootc.SystemTests;

/// <summary>What an import with the published program costs.</summary>
public sealed class ImportTests : IDisposable
{
    private const int Entries = 200_000;
    private const long MaxMemory = 150_000_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-import");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1, 3)]
    [InlineData(1, 0)]
    [InlineData(4, 0)]
    [Trait("Category", "All")]
    public async Task Takes_150_MB_at_most_for_200000_entries(int layers, int smallOf)
    {
        Product product = await Product.Instance;
        string layout = Path.Join(_folder.FullName, "layout");
        ManyFiles.WriteLayout(layout, Entries, layers, smallOf);

        // Of all children that were waited for, the largest: the shell has no other.
        string output = await LabProgram.RunAsync("sh",
        [
            "-ec", "\"$@\" >/dev/null 2>&1 & while peak=$(grep VmHWM /proc/$!/status); do last=$peak; sleep 0.05; done; wait $!; echo \"$last\"", "measure",
            product.Bootc, "internals", "oci", "pull", "--insecure", "--repo", Path.Join(_folder.FullName, "repo"), $"oci:{layout}",
        ]);

        long kibibytes = long.Parse(output.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        (kibibytes * 1024).Should().BeInRange(10_000_000, MaxMemory);
    }
}
