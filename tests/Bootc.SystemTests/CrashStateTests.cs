using Bootc.CrashStates;

namespace Bootc.SystemTests;

/// <summary>
/// Power cuts at a sample of the points of a recorded install, update, count of a boot, rollback and removal: what boots is the old menu or the new one,
/// whole, and the machine goes on from there. <c>scripts/crash-states</c> judges more.
/// </summary>
public sealed class CrashStateTests
{
    private const int States = 100;
    private const int GoOn = 10;

    // The recording differs from one product to the next anyway.
    private const int Seed = 1;

    [Fact]
    public Task No_power_cut_leaves_a_machine_on_ext4_without_a_whole_deployment() => ShouldHoldAsync("ext4", States);

    [Theory]
    [Trait("Category", "All")]
    [InlineData("ext4", 300)]
    [InlineData("xfs", 60)]
    [InlineData("btrfs", 60)]
    public Task No_power_cut_does_so_on_other_file_systems_or_at_more_points(string filesystem, int states) => ShouldHoldAsync(filesystem, states);

    [Fact]
    public Task No_power_cut_makes_a_disk_boot_before_all_of_it_is_installed() => ShouldNotBootEarlyAsync("ext4", States);

    [Theory]
    [Trait("Category", "All")]
    [InlineData("ext4", 300)]
    [InlineData("xfs", 60)]
    [InlineData("btrfs", 60)]
    public Task No_power_cut_makes_one_boot_early_with_another_file_system_or_at_more_points(string filesystem, int states) => ShouldNotBootEarlyAsync(filesystem, states);

    [Fact]
    [Trait("Category", "All")]
    public async Task Without_the_barriers_of_an_install_there_are_such_power_cuts()
    {
        using CrashStateRun run = await CrashStateRun.StartInstallAsync("ext4", CancellationToken.None);

        IReadOnlyList<OperationReport> reports = await run.MutateAsync(Seed);

        reports.Should().Contain(report => report.Failing > 0 && report.Operation.Contains("root,"), string.Join('\n', reports))
            .And.Contain(report => report.Failing > 0 && report.Operation.Contains("ESP,"));
    }

    [Fact]
    [Trait("Category", "All")]
    public async Task Without_any_barrier_of_the_boot_partition_there_are_such_power_cuts()
    {
        Dictionary<string, int> barriers = new()
        {
            ["stage"] = 1,
            ["finalize"] = 2,
            ["rollback"] = 2,
            [Recorder.RollbackAfterKill] = 3,
            [Recorder.Repair] = 4,
            ["garbage"] = 3,
        };
        using CrashStateRun run = await CrashStateRun.StartAsync("ext4", CancellationToken.None);

        IReadOnlyList<OperationReport> reports = await run.MutateAsync(Seed);

        foreach ((string operation, int count) in barriers)
        {
            reports.Where(report => report.Failing > 0 && report.Operation.StartsWith($"{operation}: ESP,", StringComparison.Ordinal))
                .Should().HaveCountGreaterThanOrEqualTo(count, "{0}: {1}", operation, string.Join('\n', reports));
        }
    }

    private static async Task ShouldNotBootEarlyAsync(string filesystem, int states)
    {
        using CrashStateRun run = await CrashStateRun.StartInstallAsync(filesystem, CancellationToken.None);

        OperationReport report = (await run.RunAsync(states, GoOn, Seed)).Single();

        report.Problem.Should().BeNull(report.ToString());
        report.States.Should().BeGreaterThan(states / 4);
    }

    private static async Task ShouldHoldAsync(string filesystem, int states)
    {
        using CrashStateRun run = await CrashStateRun.StartAsync(filesystem, CancellationToken.None);

        IReadOnlyList<OperationReport> reports = await run.RunAsync(states, GoOn, Seed);

        reports.Select(report => report.Operation).Should().Equal("stage", "finalize", "count", "rollback", Recorder.RollbackAfterKill, Recorder.Repair, "garbage");
        foreach (OperationReport report in reports)
        {
            report.Problem.Should().BeNull(report.ToString());
            // The boot loader counts with one sector.
            report.States.Should().BeGreaterThan(report.Operation == "count" ? GoOn : states / 4);
            report.GoneOn.Should().BeGreaterThanOrEqualTo(GoOn);
        }
    }
}
