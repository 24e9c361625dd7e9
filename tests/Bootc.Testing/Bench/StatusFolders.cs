using System.Text.Json;

namespace Bootc.Testing.Bench;

/// <summary>
/// Folders that hold what the disk of a machine would: a deployment that runs and one to go back to, both of a made-up image of as many layers as
/// real ones have.
/// </summary>
internal static class StatusFolders
{
    private const int Layers = 60;
    private const int Files = 600;

    /// <summary>Makes them with the published program, and gives the arguments that have it show their status.</summary>
    public static async Task<string[]> MakeAsync(string folder, string bootc, CancellationToken cancellationToken)
    {
        string layout = Path.Join(folder, "layout");
        string root = Path.Join(folder, "root");
        string sysroot = Path.Join(folder, "sysroot");
        string boot = Path.Join(folder, "boot");
        ManyFiles.WriteLayout(layout, Files, Layers);
        foreach (string path in (string[])[Path.Join(root, "run"), Path.Join(root, "usr/lib/systemd/system"), sysroot, Path.Join(boot, "loader/entries")])
        {
            Directory.CreateDirectory(path);
        }

        // Without it nothing would be compared for a soft reboot.
        await File.WriteAllTextAsync(Path.Join(root, "usr/lib/systemd/system/soft-reboot.target"), "", cancellationToken);
        using JsonDocument pulled = JsonDocument.Parse(await LabProgram.RunAsync(
            bootc, ["internals", "oci", "pull", "--insecure", "--repo", Path.Join(sysroot, "composefs"), $"oci:{layout}"], cancellationToken));
        string booted = pulled.RootElement.GetProperty("bootImageId").GetString()!;
        string manifest = pulled.RootElement.GetProperty("manifestDigest").GetString()!;
        WriteDeployment(sysroot, boot, booted, manifest, priority: 1);
        WriteDeployment(sysroot, boot, new('0', booted.Length), manifest, priority: 0);

        string[] arguments = ["internals", "status", "--root", root, "--sysroot", sysroot, "--boot", boot, "--booted", booted];
        await RequireBothAsync(bootc, arguments, manifest, cancellationToken);
        return arguments;
    }

    private static void WriteDeployment(string sysroot, string boot, string id, string manifest, int priority)
    {
        string state = Directory.CreateDirectory(Path.Join(sysroot, "state/deploy", id, "etc")).Parent!.FullName;
        File.WriteAllText(Path.Join(state, $"{id}.origin"), $"""
            [origin]
            container-image-reference=ostree-unverified-image:docker://registry.example/os/bench:stable
            [boot]
            boot_type=bls
            digest={new string('0', 64)}
            [image]
            manifest_digest={manifest}

            """);
        File.WriteAllText(Path.Join(boot, "loader/entries", $"bootc_bench-1-{priority}.conf"), $"""
            title bench
            version 1
            linux /EFI/Linux/bench/vmlinuz
            initrd /EFI/Linux/bench/initrd
            options root=UUID=1 rw composefs=?{id}
            sort-key bootc-bench-{1 - priority}

            """);
    }

    // What is not understood takes no time.
    private static async Task RequireBothAsync(string bootc, string[] arguments, string manifest, CancellationToken cancellationToken)
    {
        string shown = await LabProgram.RunAsync(bootc, arguments, cancellationToken);
        using JsonDocument host = JsonDocument.Parse(shown);
        JsonElement status = host.RootElement.GetProperty("status");
        foreach (string slot in (string[])["booted", "rollback"])
        {
            if (status.GetProperty(slot).GetProperty("image").GetProperty("imageDigest").GetString() != manifest)
            {
                throw new InvalidOperationException($"the status of folders is not that of two deployments: {shown}");
            }
        }
    }
}
