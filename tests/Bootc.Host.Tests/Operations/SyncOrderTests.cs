using System.Text.RegularExpressions;
using Bootc.Testing;
using Xunit.Abstractions;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// The power goes right before each sync of a root, on a real file system. What was written since the one before is lost then; or its names are there and its
/// content is not, as where the journal was written for somebody else. Both leave a whole machine; and would not without each of the syncs.
/// </summary>
public sealed partial class SyncOrderTests(ITestOutputHelper output) : InterruptedOperationTests
{
    private static readonly string[] Filesystems = ["ext4", "xfs", "btrfs"];

    public static TheoryData<string> EachOperation() => [.. Operations.Keys];

    public static TheoryData<string, string> OnOtherFilesystems()
    {
        TheoryData<string, string> cases = [];
        foreach (string operation in Operations.Keys)
        {
            foreach (string filesystem in Filesystems[1..])
            {
                cases.Add(operation, filesystem);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(EachOperation))]
    public Task A_power_cut_at_any_sync_leaves_the_old_or_the_new_machine_whole(string operation) => CutEachAsync(operation, "ext4");

    [Theory]
    [Trait("Category", "All")]
    [MemberData(nameof(OnOtherFilesystems))]
    public Task It_does_so_on_other_file_systems(string operation, string filesystem) => CutEachAsync(operation, filesystem);

    [Fact]
    [Trait("Category", "All")]
    public async Task Without_any_of_the_syncs_it_would_not()
    {
        SortedDictionary<string, string?> caught = [];
        foreach (string filesystem in Filesystems)
        {
            foreach (string operation in Operations.Keys)
            {
                await DisposeAsync();
                await InitializeAsync();
                await SkipEachAsync(operation, filesystem, caught);
            }
        }

        output.WriteLine(string.Join('\n', caught.Select(sync => $"| {sync.Key} | {sync.Value} |")));
        caught.Where(sync => sync.Value is null).Should().BeEmpty();
    }

    private async Task CutEachAsync(string operation, string filesystem)
    {
        await using Trial trial = await Trial.StartAsync(this, operation, filesystem);
        for (int at = 1; ; at++)
        {
            foreach (bool namesAreThere in (bool[])[false, true])
            {
                (SyncCut cut, string? problem) = await trial.CutAsync(at, skipped: 0, namesAreThere);
                problem.Should().BeNull($"{(cut.Happened ? "before the last of" : "after")} {string.Join(", ", cut.Syncs)}");
                if (!cut.Happened && namesAreThere)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Passes over each sync in turn. Those of one file or folder are one, as what writes the records is one.</summary>
    private async Task SkipEachAsync(string operation, string filesystem, SortedDictionary<string, string?> caught)
    {
        await using Trial trial = await Trial.StartAsync(this, operation, filesystem);
        for (int skipped = 1; ; skipped++)
        {
            foreach (bool namesAreThere in (bool[])[false, true])
            {
                (SyncCut cut, string? problem) = await trial.CutAsync(skipped + 1, skipped, namesAreThere);
                if (cut.Syncs.Count < skipped)
                {
                    return;
                }

                string sync = Identity().Replace(RecordName().Replace(cut.Syncs[skipped - 1], ".new-*.json"), "ID");
                string name = sync.StartsWith("syncfs ", StringComparison.Ordinal) ? $"{operation.Split(' ')[0]}: {skipped}, {sync}" : sync;
                caught[name] = caught.GetValueOrDefault(name) ?? (problem is null ? null : $"{filesystem}, {operation}: {problem.Split('\n')[0]}");
            }
        }
    }

    [GeneratedRegex("[0-9a-f]{128}")]
    private static partial Regex Identity();

    [GeneratedRegex(@"\.new-[a-z-]+\.json")]
    private static partial Regex RecordName();

    /// <summary>An operation, and what it makes of a machine.</summary>
    /// <param name="Test">Where the machines come from.</param>
    /// <param name="Run">The operation.</param>
    /// <param name="Disk">The root before it.</param>
    /// <param name="OldMenu">The boot entries before it.</param>
    /// <param name="NewMenu">Those after it.</param>
    /// <param name="Untouched">What the machine goes on to without it.</param>
    /// <param name="Changed">What it goes on to after it.</param>
    /// <param name="Added">The named files that it makes.</param>
    private sealed record Trial(
        SyncOrderTests Test,
        Func<InterruptedOperationTests, MachineFolders, Task> Run,
        RootDisk Disk,
        string[] OldMenu,
        string[] NewMenu,
        string[][] Untouched,
        string[] Changed,
        Dictionary<string, string> Added) : IAsyncDisposable
    {
        public static async Task<Trial> StartAsync(SyncOrderTests test, string operation, string filesystem)
        {
            (Func<InterruptedOperationTests, Task> prepare, Func<InterruptedOperationTests, MachineFolders, Task> run) = Operations[operation];
            await prepare(test);
            string[] untouched = await test.GoOnAsync(await test.CloneAsync());
            MachineFolders done = await test.CloneAsync();
            Dictionary<string, string> before = NamedFiles(done);
            await run(test, done);
            Dictionary<string, string> after = NamedFiles(done);
            string[] newMenu = Lines(done.Entries());
            string[][] unchanged = operation == Drop ? [untouched, WithoutTold(untouched)] : [untouched];
            string[] changed = await test.GoOnAsync(done);
            RootDisk disk = await RootDisk.MakeAsync(filesystem, test.Installed["sysroot"]);
            return new(test, run, disk, Lines(test.Installed.Entries()), newMenu, unchanged, changed, after.ExceptBy(before.Keys, file => file.Key).ToDictionary());
        }

        public async Task<(SyncCut Cut, string? Problem)> CutAsync(int at, int skipped, bool namesAreThere)
        {
            MachineFolders machine = await Test.CloneAsync();
            SyncCut cut = new(machine[""], machine["sysroot"], at, skipped);
            await Disk.MountAsync(machine["sysroot"]);
            try
            {
                await FailingCalls.RunAsync(cut, () => Run(Test, machine));
                await Disk.LoseWhatIsNotThereAsync(machine["sysroot"], namesAreThere);
                return (cut, (await Record.ExceptionAsync(() => JudgeAsync(machine, cut)))?.Message);
            }
            finally
            {
                await RootDisk.UnmountAsync(machine["sysroot"]);
                Test.Forget(machine);
            }
        }

        public ValueTask DisposeAsync() => Disk.DisposeAsync();

        private async Task JudgeAsync(MachineFolders machine, SyncCut cut)
        {
            string[] menu = Lines(machine.Entries());
            bool isChanged = !menu.SequenceEqual(OldMenu);
            ShouldBeOneOf(menu, [OldMenu, NewMenu], "menu");
            ShouldBeWhole(machine, "what boots");
            ShouldNameOnlyWhatIsWhole(machine, cut);
            string[] files = await Test.GoOnAsync(machine);
            // What a command has said to be done is done. What was to be left is written down before the menu changes.
            string[][] wanted = isChanged || !cut.Happened ? [Changed] : [.. Untouched.Select(WithoutLeft), WithoutLeft(Changed)];
            ShouldBeOneOf(isChanged || !cut.Happened ? files : WithoutLeft(files), wanted, "what it goes on to");
        }

        /// <summary>Whoever finds the name of a stream, an image or a state directory does not look further; and all of them are there when the command has ended.</summary>
        private void ShouldNameOnlyWhatIsWhole(MachineFolders machine, SyncCut cut)
        {
            Dictionary<string, string> files = NamedFiles(machine);
            foreach (string folder in (string[])["composefs/", "state/deploy/"])
            {
                Dictionary<string, string> added = Added.Where(file => file.Key.StartsWith(folder, StringComparison.Ordinal)).ToDictionary();
                if (!cut.Happened || added.Keys.Any(path => IsName(path) && files.ContainsKey(path)))
                {
                    files.Where(file => added.ContainsKey(file.Key)).Should().BeEquivalentTo(added, folder);
                }
            }

            static bool IsName(string path) => !path.StartsWith("composefs/objects/", StringComparison.Ordinal);
        }

        /// <summary>The files of repository and deployments, with their content, or what they are links to.</summary>
        private static Dictionary<string, string> NamedFiles(MachineFolders machine)
        {
            string root = machine["sysroot"];
            return new[] { "composefs/images", "composefs/streams", "composefs/objects", "state/deploy" }
                .SelectMany(folder => new DirectoryInfo(Path.Join(root, folder)).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
                .Where(file => !file.FullName.Contains("/.", StringComparison.Ordinal))
                .ToDictionary(
                    file => Path.GetRelativePath(root, file.FullName),
                    file => file.LinkTarget ?? Convert.ToBase64String(File.ReadAllBytes(file.FullName)));
        }
    }

    /// <summary>A disk image with the root of a machine before an operation, and a copy that is mounted.</summary>
    private sealed class RootDisk : IAsyncDisposable
    {
        private const string Committed = ".committed";
        private const long Bytes = 320 << 20;

        // A transaction of btrfs, without what waits to be written: BTRFS_IOC_START_SYNC and BTRFS_IOC_WAIT_SYNC.
        private const string CommitOfBtrfs =
            """
            import fcntl, os, sys
            folder, transaction = os.open(sys.argv[1], os.O_RDONLY), bytearray(8)
            fcntl.ioctl(folder, 0x80089418, transaction)
            fcntl.ioctl(folder, 0x40089416, transaction)
            """;

        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-root");
        private string _type = "";

        private string Before => Path.Join(_folder.FullName, "before");

        private string Used => Path.Join(_folder.FullName, "used");

        public static async Task<RootDisk> MakeAsync(string type, string content)
        {
            RootDisk disk = new() { _type = type };
            await LabProgram.RunAsync("truncate", ["--size", $"{Bytes}", disk.Before]);
            await LabProgram.RunAsync($"mkfs.{type}", ["-q", disk.Before]);
            string folder = disk._folder.CreateSubdirectory("root").FullName;
            await LabProgram.RunAsync("mount", ["-o", "loop", disk.Before, folder]);
            try
            {
                await LabProgram.RunAsync("cp", ["-a", content + "/.", folder]);
                await LabProgram.RunAsync("rm", ["-rf", Path.Join(folder, "lost+found")]);
                // A namespace that another test makes meanwhile has the mount too: then it is not written out when it is unmounted here.
                await LabProgram.RunAsync("sync", ["--file-system", folder]);
            }
            finally
            {
                await UnmountAsync(folder);
            }

            return disk;
        }

        /// <summary>Mounts a copy in place of what is in a folder.</summary>
        public async Task MountAsync(string folder)
        {
            await CopyAsync(Before, Used);
            await LabProgram.RunAsync("mount", ["-o", "loop", Used, folder]);
        }

        /// <summary>What the disk was given stays; the rest is gone when it is mounted again.</summary>
        /// <param name="folder">Where it is mounted.</param>
        /// <param name="namesAreThere">Whether the journal is written, as by a program that syncs a file of its own.</param>
        public async Task LoseWhatIsNotThereAsync(string folder, bool namesAreThere)
        {
            string committed = Path.Join(folder, Committed);
            if (namesAreThere && _type == "btrfs")
            {
                await LabProgram.RunAsync("python3", ["-c", CommitOfBtrfs, folder]);
            }
            else if (namesAreThere)
            {
                await using FileStream other = new(committed, FileMode.CreateNew);
                other.Flush(flushToDisk: true);
            }

            string left = Path.Join(_folder.FullName, "left");
            await CopyAsync(Used, left);
            await UnmountAsync(folder);
            File.Move(left, Used, overwrite: true);
            await LabProgram.RunAsync("mount", ["-o", "loop", Used, folder]);
            File.Delete(committed);
        }

        public static async Task UnmountAsync(string folder)
        {
            const string users = """for p in /proc/[0-9]*; do ls -l "$p/cwd" "$p/fd/" 2>/dev/null | grep -F "$1" && echo "$p: $(tr '\0' ' ' <"$p/cmdline")"; done; exit 0""";

            // A program that another test was starting may hold a file of it for a moment longer.
            for (int tries = 0; (await LabProgram.TryRunAsync("umount", [folder])).ExitCode != 0; tries++)
            {
                if (tries == 200)
                {
                    Assert.Fail($"{folder} is in use: {await LabProgram.RunAsync("sh", ["-c", users, "users", folder])}");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(50));
            }
        }

        public ValueTask DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }

        /// <summary>Copies to a new file: the one before may be mounted in somebody's namespace still.</summary>
        private static async Task CopyAsync(string from, string to) => await LabProgram.RunAsync("cp", ["--sparse=always", "--remove-destination", from, to]);
    }
}
