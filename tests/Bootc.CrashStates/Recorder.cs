using System.Globalization;
using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.CrashStates;

/// <summary>Has a virtual machine update, roll back and tidy up, and records every write to its disk and every flush.</summary>
public static class Recorder
{
    private const string Repository = "os/debian";

    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromMinutes(4);

    /// <summary>
    /// Makes a command find a file system without fs-verity: this machine's kernel, which judges, may be unable to open sealed files.
    /// </summary>
    private const string Unsealing = "systemd-run --quiet --pipe --wait -p SystemCallFilter=~ioctl -p SystemCallErrorNumber=EOPNOTSUPP";

    /// <summary>The repair of a kernel that something may be left to boot by.</summary>
    public const string Repair = "repair";

    /// <summary>A rollback after one that was killed when it had changed the menu, and before that was on the disk.</summary>
    public const string RollbackAfterKill = "rollback after a kill";

    // Two directories change places as by renameat2(2), and nothing has to be durable.
    private const string Exchange = """perl -e '$live = "/boot/loader/entries"; $other = "$live.staged"; exit !!syscall(316, -100, $live, -100, $other, 2)'""";

    // sync(2) writes a vfat, and has the disk flush nothing of it: that is fsync(2)'s.
    private const string Sync = "sync && sync /boot/loader";

    private const string DamageFallback =
        $"""
        entry=$(grep -L "$(grep -o 'composefs=[^ ]*' /proc/cmdline)" /boot/loader/entries/bootc_*.conf)
        truncate -s 1M "/boot$(sed -n 's/^initrd *//p' "$entry")"
        {Sync}
        """;

    /// <summary>The entry of another system, which nothing may change.</summary>
    public const string ForeignEntry = "other.conf";

    /// <summary>The recording of a machine with this root; made where the product changed since.</summary>
    public static async Task<Recording> EnsureAsync(string filesystem, CancellationToken cancellationToken)
    {
        await HostPackages.EnsureAsync(cancellationToken);
        string @base = await BaseFor(filesystem);
        string first = await UpdateImages.BuildAsync(@base, 1, karg: 1);
        // Another kernel, so that the boot partition gets one and loses one.
        string second = await UpdateImages.BuildAsync(@base, 2, karg: 2, UpdateImages.OtherInitrd);
        string part = await LabCache.OfCheckout.EnsureAsync(
            $"recording-{filesystem}", $"7\n{first}\n{second}", folder => RecordAsync(folder, filesystem, first, second), cancellationToken);
        return Recording.Open(part);
    }

    /// <summary>An image that can be installed on this file system.</summary>
    internal static Task<string> BaseFor(string filesystem) =>
        filesystem == "ext4" ? LabImages.Debian : LabImages.DebianWithAsync("initramfs-tools", "btrfs-progs", "xfsprogs");

    /// <summary>The options of an install on it, on a kernel that may be without fs-verity.</summary>
    internal static string[] OptionsFor(string filesystem) => ["--filesystem", filesystem, .. filesystem == "xfs" ? (string[])[] : ["--allow-missing-verity"]];

    private static async Task RecordAsync(string folder, string filesystem, string first, string second)
    {
        InstalledMachine installed = await LabInstall.InstallAsync(first, $"recorded-{filesystem}", OptionsFor(filesystem));
        string disk = Path.Join(folder, "disk.img");
        await LabProgram.RunAsync("cp", ["--sparse=always", installed.State.Disk, disk]);
        Slice[] parts = await PartitionsAsync(disk);
        await SliceAsync(disk, parts[0], Path.Join(folder, Recording.EspFile));
        await SliceAsync(disk, parts[1], Path.Join(folder, Recording.RootFile));
        string variables = Path.Join(folder, "variables.fd");
        File.Copy((await Lab.ToolsTree).PathOf("usr/share/OVMF/OVMF_VARS_4M.fd"), variables);

        await using LabRegistry registry = await LabRegistry.StartAsync();
        await PublishAsync(folder, registry, first, "1");
        await PublishAsync(folder, registry, second, "2");
        List<RecordedOperation> operations = [];
        MachineState machine = new(disk, "raw", variables);
        string firstId = await UpdateAsync(folder, machine, registry, operations);
        string secondId = await GoBackAsync(folder, machine, firstId, operations);
        operations.Insert(operations.FindIndex(operation => operation.Boot == 1), CountOf(Path.Join(folder, Recording.LogFile(1)), parts[1]));
        File.Delete(disk);
        await File.WriteAllTextAsync(
            Path.Join(folder, Recording.FactsFile),
            JsonSerializer.Serialize(new RecordedFacts(filesystem, parts[0], parts[1], firstId, secondId, operations)));
    }

    private static async Task PublishAsync(string folder, LabRegistry registry, string image, string version)
    {
        await registry.PushAsync(await Podman.Instance, image, $"{Repository}:{version}");
        await LabProgram.RunAsync("skopeo",
        [
            "copy", "--quiet", "--src-cert-dir", Path.Join(registry.Configuration, "certs.d", registry.Host),
            "--src-creds", $"{LabRegistry.User}:{LabRegistry.Password}",
            $"docker://{registry.Host}/{Repository}:{version}", $"oci:{Path.Join(folder, Recording.Layout)}:{version}",
        ]);
    }

    /// <summary>The first boot: stages the second version, and goes down.</summary>
    private static async Task<string> UpdateAsync(string folder, MachineState machine, LabRegistry registry, List<RecordedOperation> operations)
    {
        string log = Path.Join(folder, Recording.LogFile(0));
        await using RunningGuest guest = await BootAsync(machine, log, "recorded-1");
        await RunAsync(guest, registry.ScriptForGuests);
        await RunAsync(guest, $"""
            echo of-this-machine > /etc/lab-edited; seq 1 20000 > /etc/lab-mine; rm -f /etc/issue.net
            printf 'title Another system\nefi /EFI/other/other.efi\n' > /boot/loader/entries/{ForeignEntry}
            {Sync}
            """);
        string id = await BootedAsync(guest);
        operations.Add(await RecordAsync(guest, log, "stage", 0, $"{Unsealing} bootc switch {registry.HostOfGuests}/{Repository}:2"));
        long from = new FileInfo(log).Length;
        try
        {
            await guest.Shell.RunAsync("systemctl poweroff --no-block", CommandLimit);
        }
        catch (IOException)
        {
            // It was down before it could answer.
        }

        await guest.Qemu.Exited.WaitAsync(ShutdownLimit);
        operations.Add(new("finalize", 0, from, new FileInfo(log).Length));
        return id;
    }

    /// <summary>What the firmware and the boot loader wrote before the kernel did: the attempt was counted.</summary>
    private static RecordedOperation CountOf(string log, Slice root)
    {
        using WriteLog requests = WriteLog.Open(log, [], out _);
        return new("count", 1, 0, requests.Requests.First(request => request.IsWrite && root.Contains(request.Offset)).Start);
    }

    /// <summary>The second boot: goes back and takes that back, twice; has a kernel repaired; and removes the first version.</summary>
    private static async Task<string> GoBackAsync(string folder, MachineState machine, string first, List<RecordedOperation> operations)
    {
        string log = Path.Join(folder, Recording.LogFile(1));
        await using RunningGuest guest = await BootAsync(machine, log, "recorded-2");
        string id = await BootedAsync(guest);
        await RunAsync(guest, Sync);
        operations.Add(await RecordAsync(guest, log, "rollback", 1, "bootc rollback"));
        await RunAsync(guest, $"bootc rollback && {Sync}");
        long before = new FileInfo(log).Length;
        await RunAsync(guest, $"cp -a /boot/loader/entries /run/before && bootc rollback && cp /run/before/* /boot/loader/entries.staged && {Sync}");
        operations.Add(await RecordAsync(guest, log, RollbackAfterKill, 1, $"{Exchange} && bootc rollback") with { Before = before });
        await RunAsync(guest, $"bootc rollback && {DamageFallback}");
        operations.Add(await RecordAsync(guest, log, Repair, 1, "bootc doctor --fix"));
        operations.Add(await RecordAsync(guest, log, "garbage", 1, $"bootc delete-deployment {first}"));
        return id;
    }

    private static async Task<RecordedOperation> RecordAsync(RunningGuest guest, string log, string name, int boot, string command)
    {
        long from = new FileInfo(log).Length;
        await RunAsync(guest, $"{command}; code=$?; {Sync}; exit $code");
        return new(name, boot, from, new FileInfo(log).Length);
    }

    private static async Task<RunningGuest> BootAsync(MachineState machine, string log, string name)
    {
        await File.WriteAllBytesAsync(log, []);
        string disk = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["driver"] = "blklogwrites",
            ["node-name"] = "recorded",
            ["file"] = FileNode(machine.Disk),
            ["log"] = FileNode(log),
        });
        return await RunningGuest.BootAsync(
            [
                .. await Guest.FirmwareArgumentsAsync(machine),
                "-blockdev", disk,
                // Discards would say nothing here, but would have to be replayed. QEMU merges requests up to the 1024 pieces that pwritev(2) takes,
                // and blklogwrites puts one more before them: such a write failed in the guest.
                "-device", "virtio-blk-pci,drive=recorded,write-cache=on,discard=off,write-zeroes=off,request-merging=off",
                "-nic", "user,model=virtio-net-pci",
            ],
            Guest.NewFolder(name));

        // Flushes are recorded above these, and need not reach this machine's disk.
        static Dictionary<string, object> FileNode(string path) =>
            new() { ["driver"] = "file", ["filename"] = path, ["cache"] = new Dictionary<string, object> { ["no-flush"] = true } };
    }

    private static async Task<string> BootedAsync(RunningGuest guest) =>
        (await RunAsync(guest, "sed 's/.*composefs=[?]\\?\\([0-9a-f]*\\).*/\\1/' /proc/cmdline")).Trim();

    private static async Task<string> RunAsync(RunningGuest guest, string command)
    {
        GuestAnswer answer = await guest.Shell.RunAsync(command, CommandLimit);
        return answer.ExitCode == 0
            ? answer.Text
            : throw new InvalidOperationException($"{command}: exit code {answer.ExitCode}: {answer.Output}{answer.Error}");
    }

    /// <summary>Where on a disk its partitions are.</summary>
    internal static async Task<Slice[]> PartitionsAsync(string disk)
    {
        const int Sector = 512;
        using JsonDocument table = JsonDocument.Parse(await LabProgram.RunAsync("sfdisk", ["--json", disk]));
        return [.. table.RootElement.GetProperty("partitiontable").GetProperty("partitions").EnumerateArray()
            .Select(part => new Slice(part.GetProperty("start").GetInt64() * Sector, part.GetProperty("size").GetInt64() * Sector))];
    }

    /// <summary>Makes a file of a part of a disk.</summary>
    internal static Task<string> SliceAsync(string disk, Slice part, string to) => LabProgram.RunAsync("dd",
    [
        $"if={disk}", $"of={to}", "bs=1M", "conv=sparse", "status=none", "iflag=skip_bytes,count_bytes",
        string.Create(CultureInfo.InvariantCulture, $"skip={part.Start}"), string.Create(CultureInfo.InvariantCulture, $"count={part.Size}"),
    ]);
}
