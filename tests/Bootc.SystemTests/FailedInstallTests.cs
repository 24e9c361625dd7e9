using System.Formats.Tar;
using Bootc.Host.Tests.Images.Import;
using Bootc.Host.Tests.Operations;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// The published program installs to a disk image file, and one call that writes fails: any of its own, and of the programs that it runs. The
/// disk is theirs through a loop device, its partitions and file systems that are mounted nowhere; calls are known by that.
/// </summary>
[Collection(ThisMachine.Collection)]
public sealed class FailedInstallTests : IDisposable
{
    private const long DiskSize = 2L << 30;

    /// <summary>Every call of bootc fails in turn; of a program that makes thousands, as many as this.</summary>
    private const int OfOthers = 5;

    /// <summary>Kinds of calls that are in every install, and fail on a full disk.</summary>
    private static readonly string[] NeedRoom =
        ["bootc openat", "bootc write", "bootc mkdirat", "bootc linkat", "bootc symlinkat", "bootc renameat", "sfdisk write"];

    /// <summary>Calls that a full disk still takes.</summary>
    private static readonly string[] NeedNoRoom = ["fsync", "syncfs", "unlinkat", "fchmodat", "fchownat", "utimensat"];

    /// <summary>What mke2fs does another way where it fails, or again.</summary>
    private static readonly string[] MadeUpFor = ["mke2fs fallocate", "mke2fs pwrite64"];

    // $1 is the disk, $2 a folder for the files of its ESP. The entry names a root file system that is another one each time.
    private const string ListDisk =
        """
        mount -o ro,loop,offset=$((1025 << 20)) "$1" /mnt
        (cd /mnt; find . -printf '%P %y %m %U:%G %s %l\n' | sort)
        e2fsck -fn "$1?offset=$((1025 << 20))" > /dev/null
        MTOOLS_SKIP_CHECK=1 mcopy -s -n -Q -i "$1@@1M" ::/EFI ::/loader "$2"
        cd "$2"
        find . -printf '%P %y %s\n' | sort
        find . -type f ! -name '*.conf' -exec sha256sum {} + | sort
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-failed-install");
    private readonly TestLayout _layout;

    public FailedInstallTests()
    {
        _layout = new(_folder.CreateSubdirectory("layout").FullName);
        _layout.AddLayer(TestLayout.Skeleton).AddLayer(Bootable).Finish(labels: """{"containers.bootc":"1"}""");
    }

    private static PaxTarEntry[] Bootable =>
    [
        .. new[] { "usr/lib", "usr/lib/modules", "usr/lib/modules/6", "usr/lib/systemd", "usr/lib/systemd/boot", "usr/lib/systemd/boot/efi", "etc", "etc/d", "var", "var/lib" }
            .Select(TestLayout.Directory),
        TestLayout.File("usr/lib/os-release", "ID=lab\nVERSION_ID=1\n"),
        TestLayout.File("usr/lib/modules/6/vmlinuz", new string('k', 100_000)),
        TestLayout.File("usr/lib/modules/6/initramfs.img", new string('i', 100_000)),
        TestLayout.File("usr/lib/systemd/boot/efi/systemd-bootx64.efi", new string('e', 50_000)),
        TestLayout.File("etc/d/file", "of the image"),
        new(TarEntryType.SymbolicLink, "etc/link") { LinkName = "d/file" },
        TestLayout.File("var/lib/state", "of the image"),
    ];

    private string Disk => Path.Join(_folder.FullName, "disk.img");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(Errno.EIO)]
    [InlineData(Errno.ENOSPC)]
    public Task A_call_that_fails_is_told_in_one_line_and_leaves_nothing(Errno errno) => FailAsync(errno, (_, count) => [count]);

    [Theory]
    [Trait("Category", "All")]
    [InlineData(Errno.EIO)]
    [InlineData(Errno.ENOSPC)]
    public Task Every_single_call_may_fail(Errno errno) => FailAsync(errno, (kind, count) => IsOfBootc(kind)
        ? Enumerable.Range(1, count)
        : Enumerable.Range(0, OfOthers).Select(step => 1 + ((count - 1) * step / (OfOthers - 1))).Distinct());

    private async Task FailAsync(Errno errno, Func<string, int, IEnumerable<int>> choose)
    {
        await HostPackages.EnsureAsync();
        CallFault none = new(errno, int.MaxValue, GoesOn: false, _folder.FullName) { OnDisks = true };
        LabInstall.NewDisk(_folder.FullName, size: DiskSize);
        ProgramOutput good = await InstallAsync(none);
        good.ExitCode.Should().Be(0, good.ToString());
        string[] wanted = await ListAsync();
        string[] kinds = [.. none.Kinds.Distinct()];
        kinds.Should().Contain(NeedRoom).And.Contain(["bootc fsync", "bootc syncfs", "bootc unlinkat", "bootc fchownat", "bootc utimensat", "sfdisk fsync", "mke2fs fsync"]);

        HashSet<string> failed = [];
        foreach (IGrouping<string, string> calls in none.Kinds.Where(kind => errno == Errno.EIO || !NeedNoRoom.Contains(kind.Split(' ')[^1])).GroupBy(kind => kind))
        {
            foreach (int number in choose(calls.Key, calls.Count()))
            {
                CallFault fault = none with { From = number, Kind = calls.Key };
                if (await FailsAsync(fault, wanted))
                {
                    failed.Add(calls.Key);
                }
            }
        }

        failed.Should().Contain(errno == Errno.EIO ? kinds.Except(MadeUpFor) : NeedRoom);
    }

    /// <summary>
    /// Whether the call made the install fail; where it did not, all that was to be there has to be. The threads of an import that ask for fs-verity
    /// before one of them has learned that there is none are not always as many: where this install makes fewer calls, its last one fails instead.
    /// </summary>
    private async Task<bool> FailsAsync(CallFault fault, string[] wanted)
    {
        LabInstall.NewDisk(_folder.FullName, size: DiskSize);
        Machine before = await Machine.LookAsync(_folder);
        ProgramOutput result = await InstallAsync(fault);
        if (fault.First is null)
        {
            int made = fault.Kinds.Count;
            return made > 0 && made < fault.From && await FailsAsync(fault with { From = made }, wanted);
        }

        string what = $"call {fault.From} failed with {fault.Errno}: {fault.First}; it ended with: {result}";
        (await before.SettledAsync(_folder)).Should().BeEquivalentTo(before, what);
        if (result.ExitCode == 0)
        {
            // mke2fs writes and syncs more than once. An import that cannot remove its empty folder leaves it for the next.
            (fault.First == "bootc unlinkat /composefs/partial" || fault.First.StartsWith("mke2fs ", StringComparison.Ordinal)).Should().BeTrue(what);
            (await ListAsync()).Where(line => !line.StartsWith("composefs/partial d ", StringComparison.Ordinal)).Should().Equal(wanted, what);
            return false;
        }

        result.ExitCode.Should().Be(1, what);
        string reason = fault.Errno == Errno.EIO ? "Input/output error" : "No space left on device";
        Refusal.OneLine(result).Should().MatchRegex(IsOfBootc(fault.First) ? reason : $"{reason}|: exit code [0-9]+", what).And.NotContain("internal error");
        (await LabProgram.RunAsync("wipefs", ["--no-act", "--noheadings", Disk])).Should().BeEmpty("a disk must not look installed; {0}", what);
        return true;
    }

    private static bool IsOfBootc(string kind) => kind.StartsWith("bootc ", StringComparison.Ordinal);

    private async Task<ProgramOutput> InstallAsync(CallFault fault)
    {
        string[] install =
        [
            "install", "to-disk", "--via-loopback", "--generic-image", "--filesystem", "ext4", "--allow-missing-verity",
            "--source-imgref", $"oci:{_layout.Folder}", "--target-imgref", LabInstall.TargetImage, Disk,
        ];
        string bootc = (await Product.Instance).Bootc;
        ProgramOutput? result = null;
        Exception? failure = await FailingCalls.RunAsync(fault, async () => result = await LabProgram.TryRunAsync(bootc, install));
        failure.Should().BeNull();
        return result!;
    }

    /// <summary>All names on the disk with what can be compared of them.</summary>
    private async Task<string[]> ListAsync()
    {
        string esp = Directory.CreateTempSubdirectory("bootc-esp").FullName;
        try
        {
            return (await LabProgram.RunAsync("unshare", ["--mount", "sh", "-ec", ListDisk, "list", Disk, esp])).Split('\n');
        }
        finally
        {
            Directory.Delete(esp, recursive: true);
        }
    }
}
