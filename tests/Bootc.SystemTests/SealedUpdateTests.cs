using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>A machine that was installed in a guest whose kernel has fs-verity: it is updated, and what it gets is sealed, too.</summary>
[Trait("Category", "All")]
public sealed class SealedUpdateTests
{
    private const string Source = "os/debian:stable";

    /// <summary>A file that its owner sealed; it has more than the one block whose hash is the root of the tree.</summary>
    private const string Sealed = "/etc/lab-sealed";
    private const string ContentOfSealed = "seq 10000";

    [Fact]
    public async Task A_machine_that_was_sealed_is_sealed_after_an_update()
    {
        await using LabRegistry registry = await LabRegistry.StartAsync();
        string first = await UpdateLab.BuildAsync(1, karg: 1);
        await registry.PushAsync(await Podman.Instance, first, Source);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-sealed");
        try
        {
            string disk = LabInstall.NewDisk(folder.FullName);
            await using (InstallerVm vm = await InstallerVm.StartAsync(first, new(disk)))
            {
                GuestAnswer install = await vm.RunAsync(
                    $"podman run --rm --privileged --pid=host --network=none -v /dev:/dev -v /var/lib/containers:/var/lib/containers {first} "
                    + $"bootc install to-disk --filesystem ext4 --target-imgref {registry.HostOfGuests}/{Source} --karg console=ttyS0 {InstallerVm.Target}",
                    TimeSpan.FromMinutes(10));
                install.ExitCode.Should().Be(0, install.Error);
                await vm.PowerOffAsync();
            }

            await using KeptMachine machine = await KeptMachine.StartAsync(new(disk), "sealed");
            await machine.RunAsync(registry.ScriptForGuests);
            await registry.PushAsync(await Podman.Instance, await UpdateLab.BuildAsync(2, karg: 2), Source);
            await machine.RunAsync($"{ContentOfSealed} > {Sealed} && chmod 640 {Sealed} && bootc internals fsverity enable {Sealed}");
            (await machine.TryRunAsync($"echo more >> {Sealed}")).ExitCode.Should().NotBe(0, "the kernel guards it");
            await machine.RebootAsync("bootc upgrade --apply && sleep 300");

            (await machine.RunAsync("cat /usr/share/lab-version")).Should().Be("2");
            (await machine.RunAsync("cat /proc/cmdline")).Should().MatchRegex(@"(^| )composefs=[0-9a-f]{128}( |$)");
            (await machine.RunAsync("findmnt -n -o OPTIONS /")).Should().Contain("verity=require");
            (await machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty();
            // The kernel checks each file that it reads.
            await machine.RunAsync("find /usr -xdev -type f -print0 | xargs -0 cat > /dev/null");

            await CarriedASealedFileOfEtcOverAsync(machine);
            await SealsAFileAsFsverityDoesAsync(machine, folder);
            await HealsAFileWhoseBlocksRottedAsync(machine);
            await LeavesAnUpdateWhoseSealIsBrokenAsync(registry, await machine.ShutDownAsync());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The content is carried over as that of any file; the seal was the owner's, who may put it on again.</summary>
    private static async Task CarriedASealedFileOfEtcOverAsync(KeptMachine machine)
    {
        (await machine.RunAsync($"{ContentOfSealed} | cmp - {Sealed} && stat -c %a {Sealed}")).Should().Be("640");
        (await machine.TryRunAsync($"bootc internals fsverity measure {Sealed}")).Error.Should().Contain("is not sealed with fs-verity");
        (await machine.RunAsync($"for etc in /sysroot/state/deploy/*/etc; do bootc internals fsverity measure $etc/{Path.GetFileName(Sealed)} 2>/dev/null; done | wc -l"))
            .Should().Be("1", "the deployment that was left keeps its own, with the seal");
        await machine.RunAsync($"echo more >> {Sealed}");
    }

    private static async Task HealsAFileWhoseBlocksRottedAsync(KeptMachine machine)
    {
        // Written past the file system: what the file is sealed for stays, what the disk gives is another thing.
        string rotten = await machine.RunAsync(
            """
            set -e
            file=$(find /usr/share -xdev -type f -size +20k | sort | head -1)
            object=$(find /sysroot/composefs/objects -type f -size $(stat -c %s "$file")c -exec cmp -s {} "$file" \; -print | head -1)
            sha256sum "$file" > /var/sum
            block=$(filefrag -b4096 -v "$object" | sed -n 's/^ *0: *0\.\. *[0-9]*: *\([0-9]*\)\.\..*/\1/p')
            printf rotten | dd of="$(findmnt -n -o SOURCE /sysroot)" bs=4096 seek="$block" conv=notrunc,fsync status=none
            echo 3 > /proc/sys/vm/drop_caches
            echo "$object"
            """);
        (await machine.TryRunAsync($"cat {rotten} > /dev/null")).ExitCode.Should().NotBe(0);
        (await machine.TryRunAsync("sha256sum -c --quiet /var/sum")).ExitCode.Should().NotBe(0);

        GuestAnswer look = await machine.TryRunAsync("bootc doctor --quiet");
        look.ExitCode.Should().Be(1);
        look.Output.Should().Contain(rotten.Replace("/sysroot/composefs/", "", StringComparison.Ordinal));
        await machine.RunAsync("bootc doctor --fix --quiet && bootc doctor --quiet");

        (await machine.RunAsync($"echo $(bootc internals fsverity measure {rotten}) $(echo {rotten[rotten.IndexOf("objects", StringComparison.Ordinal)..]} | sed 's/objects//' | tr -d /)"))
            .Split(' ').Distinct().Should().ContainSingle();
        await machine.RebootAsync();
        await machine.RunAsync("sha256sum -c --quiet /var/sum");
    }

    /// <summary>The image of an update is replaced by an unsealed copy after everything else had looked at it: the initrd refuses it, and nobody is asked.</summary>
    private static async Task LeavesAnUpdateWhoseSealIsBrokenAsync(LabRegistry registry, MachineState state)
    {
        await registry.PushAsync(await Podman.Instance, await UpdateLab.BuildAsync(3, karg: 3), Source);
        await using KeptMachine machine = await KeptMachine.StartAsync(state, "unsealed", reboots: true);
        await machine.RunAsync("bootc upgrade --quiet && bootc composefs-finalize-staged");
        await machine.RunAsync(
            """
            set -e
            id=$(sed -n 's/^options .*composefs=\([0-9a-f]*\).*/\1/p' $(grep -l lab.version=3 /boot/loader/entries/*))
            mount --bind /sysroot /mnt && mount -o remount,bind,rw /mnt
            object=$(readlink -f /mnt/composefs/images/$id)
            cp $object /mnt/copy && mv -f /mnt/copy $object
            umount /mnt
            sync
            """);

        await machine.RebootUntilAsync(KeptMachine.RebootIntoTheLastAttempt, "grep -qx 2 /usr/share/lab-version");

        (await machine.TryRunAsync("bootc status --format humanreadable")).Error.Should().Contain("failed and is not tried again: it was started 3 times and never came up");
    }

    private static async Task SealsAFileAsFsverityDoesAsync(KeptMachine machine, DirectoryInfo folder)
    {
        const string Content = "sealed by hand";
        string copy = Path.Join(folder.FullName, "copy");
        await File.WriteAllTextAsync(copy, Content);
        string digest = await (await Lab.SidTree).RunAsync("fsverity", ["digest", "--hash-alg=sha256", "--compact", copy]);

        await machine.RunAsync($"printf '{Content}' > /var/file && bootc internals fsverity enable /var/file");

        (await machine.RunAsync("bootc internals fsverity measure /var/file")).Should().Be(digest.Trim());
        (await machine.TryRunAsync("echo more >> /var/file")).ExitCode.Should().NotBe(0);
        // An object of the repository has the name of its measure.
        (await machine.RunAsync("cd /sysroot/composefs/objects && o=$(find . -type f | head -n 1) && echo $(bootc internals fsverity measure $o) $(echo $o | tr -d ./)"))
            .Split(' ').Distinct().Should().ContainSingle();
    }
}
