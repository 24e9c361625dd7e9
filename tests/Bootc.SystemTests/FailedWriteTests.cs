using System.Text.RegularExpressions;
using Bootc.Host.Tests.Images.Import;
using Bootc.Host.Tests.Operations;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// The published program imports an image, and one write of it fails: each in turn. The kernel refuses by itself, on a tmpfs that
/// has no room, or strace or seccomp make a system call return the error.
/// </summary>
public sealed partial class FailedWriteTests : IDisposable
{
    private const string Roomy = "size=64m,nr_inodes=1000";
    private const int PageSize = 4;

    /// <summary>More than an import of this image makes of any system call.</summary>
    private const int MaxCalls = 100;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-failed-write-");
    private readonly TestLayout _layout;

    public FailedWriteTests()
    {
        _layout = new(_folder.CreateSubdirectory("layout").FullName);
        _layout.AddLayer(TestLayout.Skeleton).AddLayer([TestLayout.File("usr/two", new string('y', 10_000))]).Finish();
    }

    private string Disk => Path.Join(_folder.FullName, "disk");

    private string Repo => Path.Join(Disk, "repo");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("size=64m,nr_inodes=", 1)]
    [InlineData("nr_inodes=1000,size=", PageSize)]
    public async Task An_import_onto_a_full_disk_fails_at_any_point_in_words_and_goes_on_when_there_is_room(string limit, int step)
    {
        int failures = 0;
        for (int room = step; ; room += step)
        {
            await using Tmpfs disk = await Tmpfs.MountAsync(Disk, $"{limit}{room}{(step == PageSize ? "k" : "")}");
            ProgramOutput result = await PullAsync();
            if (result.ExitCode == 0)
            {
                break;
            }

            await CheckFailureAsync(result, "[Nn]o space left");
            await disk.RemountAsync(Roomy);
            await CheckRetryAsync();
            failures++;
        }

        failures.Should().BeGreaterThan(10);
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_write_that_fails_is_an_error_and_names_nothing_that_is_not_whole(string call, string error) =>
        await FailEachAsync(call, error, [1, 2, 3, 5, 8, 13]);

    [Theory]
    [Trait("Category", "All")]
    [MemberData(nameof(Calls))]
    public async Task Every_single_write_may_fail(string call, string error) => await FailEachAsync(call, error, Enumerable.Range(1, MaxCalls));

    public static TheoryData<string, string> Calls()
    {
        TheoryData<string, string> calls = [];
        foreach (string call in (string[])["write", "fsync", "syncfs", "linkat", "symlinkat", "mkdirat"])
        {
            calls.Add(call, "EIO");
            calls.Add(call, "ENOSPC");
        }

        return calls;
    }

    /// <summary>Others than those of <see cref="Calls"/> and <see cref="Asked"/> would have to be made to fail, too.</summary>
    [Fact]
    public async Task An_import_changes_its_repository_by_no_other_calls()
    {
        CallFault none = new(Errno.EIO, int.MaxValue, GoesOn: false, Repo);

        (await PullAsync(none)).ExitCode.Should().Be(0);

        none.Kinds.Distinct().Should().BeEquivalentTo(
            ((string[])["write", "fsync", "syncfs", "linkat", "symlinkat", "mkdirat", "openat", "unlinkat", "ioctl"]).Select(call => $"bootc {call}"));
    }

    /// <summary>Calls of which only those that change something are to fail, by their arguments: strace cannot tell them from others.</summary>
    public static TheoryData<string, Errno> Asked() => new()
    {
        { "openat", Errno.EIO },
        { "openat", Errno.ENOSPC },
        { "ioctl", Errno.EIO },
        { "ioctl", Errno.ENOSPC },
        { "unlinkat", Errno.EIO },
    };

    [Theory]
    [MemberData(nameof(Asked))]
    public async Task A_file_that_cannot_be_made_sealed_or_removed_is_an_error(string call, Errno errno)
    {
        int failures = 0;
        for (int number = 1; ; number++)
        {
            CallFault fault = new(errno, number, GoesOn: false, Repo) { Kind = $"bootc {call}" };
            ProgramOutput result = await PullAsync(fault);
            if (fault.First is null)
            {
                break;
            }

            if (result.ExitCode == 0)
            {
                fault.First.Should().Be("bootc unlinkat /partial", "an empty folder that is left does no harm");
            }
            else
            {
                await CheckFailureAsync(result, errno == Errno.EIO ? "Input/output error" : "No space left on device");
                failures++;
            }

            await CheckRetryAsync();
            Directory.Delete(Disk, recursive: true);
        }

        failures.Should().BePositive("there is such a call in every import");
    }

    /// <summary>The kernel says once that a disk failed: here to the sync that ran beside the import.</summary>
    [Fact]
    public async Task A_disk_that_failed_beside_the_import_is_an_error_though_it_does_not_fail_again()
    {
        CallFault fault = new(Errno.EIO, 1, GoesOn: false, Repo) { Kind = "bootc syncfs" };

        ProgramOutput result = await PullAsync(fault);

        await CheckFailureAsync(result, "Input/output error");
        await CheckRetryAsync();
    }

    /// <summary>
    /// Fails the n-th call of each thread. Where the first thread fails, the others do not come to theirs; so it is done again in a
    /// repository that is there already, and in one that has all but the names.
    /// </summary>
    private async Task FailEachAsync(string call, string error, IEnumerable<int> numbers)
    {
        string log = Path.Join(_folder.FullName, "log");
        string[] Injecting(string what, string how) => ["-f", "-qq", "-y", "-o", log, "-e", $"trace={what}", "-e", $"inject={what}:{how}"];
        string[][] beginnings = [[], Injecting("linkat", "error=EIO:when=2"), Injecting("syncfs", "error=EIO")];
        int failures = 0;
        foreach (string[] beginning in beginnings)
        {
            foreach (int number in numbers)
            {
                Directory.CreateDirectory(Disk);
                if (beginning.Length > 0)
                {
                    (await PullAsync(beginning)).ExitCode.Should().Be(1);
                }

                ProgramOutput result = await PullAsync(Injecting(call, $"error={error}:when={number}"));
                string[] injected = [.. (await File.ReadAllLinesAsync(log)).Where(line => line.Contains("(INJECTED)", StringComparison.Ordinal))];
                // What goes to the terminal is no write of the import.
                if (injected.Length > 0 && !injected.Any(line => ToPipe().IsMatch(line)))
                {
                    await CheckFailureAsync(result, error == "EIO" ? "Input/output error" : "No space left on device");
                    await CheckRetryAsync();
                    failures++;
                }

                Directory.Delete(Disk, recursive: true);
                if (injected.Length == 0)
                {
                    break;
                }
            }
        }

        failures.Should().BePositive("there is such a call in every import");
    }

    private async Task CheckFailureAsync(ProgramOutput result, string reason)
    {
        result.ExitCode.Should().Be(1, "{0}", result);
        string line = result.Error.Split('\n').Where(l => l.StartsWith("error: ", StringComparison.Ordinal)).Should().ContainSingle(result.ToString()).Subject;
        line.Should().MatchRegex(reason).And.Contain(Repo).And.NotContain("internal error");

        bool isRepository = File.Exists(Path.Join(Repo, "meta.json")) && Directory.Exists(Path.Join(Repo, "objects"));
        if (isRepository)
        {
            (await FsckAsync()).Should().Be("ok");
        }
        else
        {
            Directory.Exists(Path.Join(Repo, "streams")).Should().BeFalse();
            Directory.Exists(Path.Join(Repo, "images")).Should().BeFalse();
        }
    }

    private async Task CheckRetryAsync()
    {
        ProgramOutput result = await PullAsync();
        result.ExitCode.Should().Be(0, "{0}", result);
        (await FsckAsync()).Should().Be("ok");
    }

    private async Task<ProgramOutput> PullAsync(CallFault fault)
    {
        Directory.CreateDirectory(Disk);
        string[] pull = await CommandAsync();
        ProgramOutput? result = null;
        Exception? failure = await FailingCalls.RunAsync(fault, async () => result = await LabProgram.TryRunAsync(pull[0], pull[1..]));
        failure.Should().BeNull();
        return result!;
    }

    private async Task<string[]> CommandAsync() =>
        [(await Product.Instance).Bootc, "internals", "oci", "pull", "--insecure", "--repo", Repo, $"oci:{_layout.Folder}"];

    private async Task<ProgramOutput> PullAsync(params string[] strace)
    {
        string[] pull = await CommandAsync();
        return strace.Length == 0 ? await LabProgram.TryRunAsync(pull[0], pull[1..]) : await LabProgram.TryRunAsync("strace", [.. strace, .. pull]);
    }

    private async Task<string> FsckAsync()
    {
        ProgramOutput result = await LabProgram.TryRunAsync((await Product.Instance).Bootc, ["internals", "composefs", "fsck", "--repo", Repo]);
        return $"{result.Output}{result.Error}".Trim();
    }

    [GeneratedRegex(@"^\d+ +write\(\d+<(pipe|/dev/)")]
    private static partial Regex ToPipe();
}
