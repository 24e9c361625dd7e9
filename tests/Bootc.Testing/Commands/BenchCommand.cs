using System.CommandLine;
using Bootc.Testing.Bench;
using Command = System.CommandLine.Command;

namespace Bootc.Testing.Commands;

/// <summary><c>lab bench</c>: the published bootc measured beside the programs that do the same jobs.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Option<int> rounds = new("--rounds") { Description = "How often each command runs", DefaultValueFactory = _ => 5 };
        Option<DirectoryInfo> folder = new("--folder")
        {
            Description = "Where the disks are made that everybody writes to",
            DefaultValueFactory = _ => new(Path.Join(LabCache.OfCheckout.Root, "bench")),
        };
        Option<string> filesystem = new("--filesystem") { Description = "The file system of these disks", DefaultValueFactory = _ => "ext4" };
        filesystem.AcceptOnlyFromAmong("ext4", "xfs", "btrfs");
        Option<bool> tiny = new("--tiny") { Description = "A made-up image of a few files, only to see that it runs" };
        Command command = new("bench", "Measure bootc and its peers, and print the tables of docs/performance.md") { rounds, folder, filesystem, tiny };
        command.SetAction((parse, cancellationToken) =>
            RunAsync(parse.GetValue(rounds), parse.GetValue(folder)!.FullName, parse.GetValue(filesystem)!, parse.GetValue(tiny), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(int rounds, string folder, string filesystem, bool tiny, CancellationToken cancellationToken)
    {
        await HostPackages.EnsureAsync(cancellationToken);
        string work = Directory.CreateDirectory(Path.Join(folder, $"{Environment.ProcessId}")).FullName;
        try
        {
            BenchImage image = tiny
                ? await BenchImage.MakeTinyAsync(Path.Join(work, "image"), cancellationToken)
                : await BenchImage.EnsureAsync(cancellationToken);
            TransferImages transfers = tiny
                ? await TransferImages.MakeAsync(Path.Join(work, "transfers"), image, cancellationToken)
                : await TransferImages.EnsureAsync(image, cancellationToken);
            BenchSizes sizes = tiny ? BenchSizes.Tiny : BenchSizes.Full;
            BenchReport report = new(Console.Out, filesystem);
            await report.WriteHeadAsync(image, await Product.Instance, await Lab.SidTree, cancellationToken);
            Measurements measurements = new(report, rounds, work, filesystem);
            await using LabRegistry registry = await LabRegistry.StartAsync();
            await using LabRegistry plain = await LabRegistry.StartPlainAsync();
            await new TransferBenchmark(image, transfers, registry, plain, sizes, work).RunAsync(measurements, report, cancellationToken);
            bool isAlike = await new Benchmark(image, sizes, work).RunAsync(measurements, report, cancellationToken);
            return isAlike && measurements.HaveAllRun ? 0 : 1;
        }
        finally
        {
            await LabProgram.RunAsync("rm", ["-rf", "--one-file-system", work], CancellationToken.None);
        }
    }
}
