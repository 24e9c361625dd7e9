using System.Text;
using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// What options and configuration say of a machine, seen in the machine: one is booted, the others are read with sfdisk, mtools
/// and debugfs.
/// </summary>
public sealed class InstallOptionsTests(InstallOptionsTests.Machines machines) : IClassFixture<InstallOptionsTests.Machines>
{
    private const long Mebibyte = 1 << 20;
    private const string Keys = "# of the tests\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6k one\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6k two % \"\n";

    /// <summary>An image with install configuration and kernel arguments, installed in several ways.</summary>
    public sealed class Machines : IAsyncLifetime
    {
        private readonly Lazy<Task<string>> _progress;
        private DirectoryInfo _folder = null!;

        public Machines() => _progress = new(ReadProgressAsync);

        public string Image { get; private set; } = "";

        /// <summary>The disk image that was installed to last.</summary>
        public string Disk => Path.Join(_folder.FullName, "disk.img");

        /// <summary>What came through the pipe given by <c>--progress-fd</c>.</summary>
        public Task<string> Progress => _progress.Value;

        /// <summary>What a guest of the first machine said.</summary>
        public GuestReport Booted { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            _folder = Directory.CreateTempSubdirectory("bootc-options");
            await System.IO.File.WriteAllTextAsync(Path.Join(_folder.FullName, "keys"), Keys);
            Image = await LabImages.BuildAsync("configured", string.Join('\n',
            [
                $"FROM {await LabImages.Debian}",
                File("/usr/lib/bootc/install/10-base.toml", "[install]\nkargs = [\"hidden=1\"]\nroot-fs-type = \"xfs\"\n"),
                File("/etc/bootc/install/10-base.toml",
                    """
                    [install]
                    kargs = ["from=config", "unwanted=config"]
                    stateroot = "machine"
                    block = ["direct"]
                    bootloader = "systemd"
                    root-mount-spec = "LABEL=root"
                    boot-mount-spec = "LABEL=EFI-SYSTEM"
                    [install.filesystem.root]
                    type = "ext4"

                    """),
                File("/usr/lib/bootc/install/20-more.toml", "[install]\nkargs = [\"more=1\"]\nkarg-deletes = [\"unwanted=config\"]\n"),
                File("/usr/local/lib/bootc/install/30-arm.toml", "[install]\nmatch-architectures = [\"aarch64\"]\nkargs = [\"arm=1\"]\nstateroot = \"arm\"\n"),
                File("/usr/lib/bootc/kargs.d/10-image.toml", "kargs = [\"console=ttyS0\", \"from=image unwanted=image\"]\n"),
                File("/usr/lib/bootc/kargs.d/20-arm.toml", "kargs = [\"arm=2\"]\nmatch-architectures = [\"aarch64\"]\n"),
                "",
            ]));
            string disk = await InstallAsync(
                Image, "--karg", "from=user", "--karg-delete", "unwanted=image", "--disable-selinux", "--root-size", "2560", "--root-ssh-authorized-keys", $"{LabInstall.OutputFolder}/keys",
                "--target-transport", "containers-storage", "--target-imgref", "localhost/os:1");
            Booted = (await Guest.BootAsync(new(disk), Probe(), "options")).Report;
        }

        public Task DisposeAsync()
        {
            _folder.Delete(recursive: true);
            return Task.CompletedTask;
        }

        /// <summary>Installs to a new disk image, with no option but those that an image of the lab needs on any machine.</summary>
        public async Task<string> InstallAsync(string image, params string[] options)
        {
            ProgramOutput result = await TryInstallAsync(image, options);
            result.ExitCode.Should().Be(0, result.ToString());
            return Disk;
        }

        /// <summary>As <see cref="InstallAsync"/>, whatever comes of it.</summary>
        public async Task<ProgramOutput> TryInstallAsync(string image, params string[] options)
        {
            LabInstall.NewDisk(_folder.FullName);
            Podman podman = await Podman.Instance;
            string[] target = options.Contains("--target-imgref") ? [] : ["--target-imgref", LabInstall.TargetImage];
            return await podman.TryRunAsync(LabInstall.Arguments(
                image, _folder.FullName,
                ["bootc", "install", "to-disk", "--via-loopback", "--allow-missing-verity", .. target, .. options, $"{LabInstall.OutputFolder}/disk.img"]));
        }

        /// <summary>Saves an image as a layout in the folder of the disk image, and gives the digest of its manifest.</summary>
        public async Task<string> SaveAsync(string image, string name)
        {
            string layout = Path.Join(_folder.FullName, name);
            await (await Podman.Instance).RunAsync(["save", "--quiet", "--uncompressed", "--format", "oci-dir", "--output", layout, image]);
            using JsonDocument index = JsonDocument.Parse(await System.IO.File.ReadAllTextAsync(Path.Join(layout, "index.json")));
            return index.RootElement.GetProperty("manifests")[0].GetProperty("digest").GetString()!;
        }

        /// <summary>An instruction that writes a file.</summary>
        public static string File(string path, string content) =>
            $"RUN mkdir -p {Path.GetDirectoryName(path)} && echo {Convert.ToBase64String(Encoding.UTF8.GetBytes(content))} | base64 -d > {path}";

        private async Task<string> ReadProgressAsync()
        {
            LabInstall.NewDisk(_folder.FullName);
            Podman podman = await Podman.Instance;
            string install = string.Join(' ', LabInstall.ToDisk("disk.img", "--filesystem", "ext4", "--allow-missing-verity", "--progress-fd", "3"));
            return await podman.RunAsync(LabInstall.Arguments(
                Image, _folder.FullName, ["sh", "-ec", $"mkfifo /tmp/pipe; {install} 3>/tmp/pipe >/dev/null & cat /tmp/pipe; wait $!"]));
        }

        private static GuestProbe Probe() => new GuestProbe()
            .Ask("cmdline", "cat /proc/cmdline")
            .Ask("failed", "systemctl --failed --no-legend --plain")
            .Ask("boot", "findmnt -n -t vfat -o LABEL,FSTYPE,OPTIONS /boot && ls /boot/loader/entries")
            .Ask("block", "lsblk -nro TYPE $(findmnt -n -v -o SOURCE /sysroot)")
            .Ask("loader", "cat /sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | tail -c +5 | tr -d '\\0'")
            .Ask("var", "findmnt -n -o FSROOT /var && ls /sysroot/state/os")
            .Ask("keys", "cd /root/ && stat -c '%U:%G %a %F' . .ssh .ssh/authorized_keys && cat .ssh/authorized_keys")
            .Ask("size", "lsblk -bnro PARTLABEL,SIZE | grep root && df --output=size -BM /sysroot | tail -n1")
            .Ask("origin", "cat /sysroot/state/deploy/*/*.origin")
            .Ask("aleph", "cat /sysroot/.bootc-aleph.json");
    }

    [Fact]
    public void The_kernel_is_given_what_config_and_image_ask_for_less_the_deleted_and_then_what_the_user_asks_for() =>
        string.Join(' ', machines.Booted["cmdline"].Text.Split(' ').Where(a => !a.StartsWith("composefs=", StringComparison.Ordinal) && !a.StartsWith("initrd=", StringComparison.Ordinal)))
            .Should().Be("root=LABEL=root rw systemd.mount-extra=LABEL=EFI-SYSTEM:/boot:auto:ro selinux=0 from=config more=1 console=ttyS0 from=image from=user");

    [Fact]
    public void The_boot_mount_spec_is_mounted_read_only()
    {
        machines.Booted["boot"].Text.Should().MatchRegex(@"^EFI-SYSTEM +vfat +ro,");
        machines.Booted["boot"].Text.Should().Contain("bootc_debian-13-1.conf");
    }

    [Fact]
    public void The_root_is_on_a_partition_itself_and_the_boot_loader_is_the_one_that_the_configuration_names()
    {
        machines.Booted["block"].Text.Should().Be("part");
        machines.Booted["loader"].Text.Should().StartWith("systemd-boot ");
    }

    [Fact]
    public void Var_is_that_of_the_state_root() =>
        machines.Booted["var"].Text.Should().Be("/state/os/machine/var\nmachine");

    [Fact]
    public void The_keys_are_in_roots_home_and_nobody_else_may_write_there() =>
        machines.Booted["keys"].Output.Should().Be($"root:root 700 directory\nroot:root 700 directory\nroot:root 600 regular file\n{Keys}");

    [Fact]
    public void The_root_has_the_size_that_was_asked_for()
    {
        string[] sizes = machines.Booted["size"].Text.Split('\n');

        sizes[0].Should().Be($"root {2560 * Mebibyte}");
        int.Parse(sizes[1].Trim().TrimEnd('M')).Should().BeInRange(2300, 2560);
    }

    [Fact]
    public void The_records_say_where_updates_are_and_that_selinux_was_turned_off()
    {
        machines.Booted["origin"].Text.Should().Contain("container-image-reference=ostree-unverified-image:containers-storage:localhost/os:1\n");
        machines.Booted["aleph"].Text.Should().Contain("\"selinux\": \"force-target-disabled\"");
    }

    /// <summary>The ESP is also the /boot that the configuration wants, and that is read-only.</summary>
    [Fact]
    public void No_unit_failed_but_the_one_that_writes_to_boot() =>
        machines.Booted["failed"].Text.Should().MatchRegex(@"\Asystemd-boot-random-seed\.service [^\n]*\z");

    [Fact]
    public async Task Options_beat_the_configuration()
    {
        DiskImage disk = new(await machines.InstallAsync(machines.Image, "--stateroot", "mine", "--karg-delete", "root", "--karg-delete", "from", "--karg", "root=PARTLABEL=root from=me"));

        (await disk.ListAsync("/state/os")).Should().Equal("mine");
        (await disk.DebugfsAsync($"stat {await disk.DeploymentAsync()}/var")).Should().Contain("\"../../os/mine/var\"");
        (await disk.ReadOptionsAsync()).Should().Be("rw systemd.mount-extra=LABEL=EFI-SYSTEM:/boot:auto:ro more=1 console=ttyS0 unwanted=image root=PARTLABEL=root from=me");
        // All but the ESP and what the partition table takes.
        (await disk.SizeOfPartitionAsync(2)).Should().BeInRange(3070 * Mebibyte, 3072 * Mebibyte);
    }

    [Fact]
    public async Task Discoverable_partitions_and_the_older_spelling_of_the_type_are_understood()
    {
        string image = await LabImages.BuildAsync(
            "discoverable", $"FROM {machines.Image}\n{Machines.File("/etc/bootc/install/10-base.toml", "[install]\nroot-fs-type = \"ext4\"\ndiscoverable-partitions = true\nboot-mount-spec = \"\"\n")}\n");

        DiskImage disk = new(await machines.InstallAsync(image));

        (await disk.ReadOptionsAsync()).Should().Be("rw more=1 console=ttyS0 from=image unwanted=image");
        (await disk.ListAsync("/state/os")).Should().Equal("default");
    }

    [Theory]
    [InlineData("oci", "/mnt/os:1")]
    [InlineData("oci-archive", "/mnt/os.tar:1")]
    [InlineData("docker-archive", "/mnt/os.tar:os:1")]
    [InlineData("dir", "/mnt/os")]
    [InlineData("docker-daemon", "os:1")]
    public async Task The_origin_names_the_target_as_container_tools_do(string transport, string name)
    {
        DiskImage disk = new(await machines.InstallAsync(machines.Image, "--target-transport", transport, "--target-imgref", name));

        string reference = (await disk.ReadOriginAsync()).Split('\n').Should().ContainSingle(line => line.StartsWith("container-image-reference=ostree-unverified-image:")).Subject.Split(':', 2)[1];
        reference.Should().Be($"{transport}:{name}");
        (await LabProgram.TryRunAsync("skopeo", ["inspect", reference])).Error.Should().NotContainAny("Invalid image name", "unknown transport", "Invalid source name");
    }

    [Fact]
    public async Task A_fetch_check_finds_an_image_that_is_there()
    {
        // The one image that is surely in podman's storage: what is installed.
        DiskImage disk = new(await machines.InstallAsync(machines.Image, "--run-fetch-check", "--target-transport", "containers-storage", "--target-imgref", machines.Image));

        (await disk.ReadOriginAsync()).Should().Contain($"containers-storage:{machines.Image}\n");
    }

    [Fact]
    public async Task Another_image_than_the_one_that_installs_is_installed_with_all_that_scripts_for_upstream_say()
    {
        string installer = await LabImages.BuildAsync(
            "trusting", $"FROM {machines.Image}\n{Machines.File("/etc/containers/policy.json", """{"default": [{"type": "reject"}], "transports": {"oci": {"/output/source": [{"type": "insecureAcceptAnything"}]}}}""")}\n");
        string digest = await machines.SaveAsync(await LabImages.BuildAsync("binding", string.Join('\n',
        [
            $"FROM {await SkeletonImage.Instance}",
            Machines.File("/usr/lib/bootc/kargs.d/10-image.toml", "kargs = [\"of=source\"]\n"),
            Machines.File("/usr/share/containers/systemd/app.image", "[Image]\nImage=registry.example/app:1\n"),
            "RUN mkdir -p /usr/lib/bootc/bound-images.d && ln -s /usr/share/containers/systemd/app.image /usr/lib/bootc/bound-images.d/app.image",
            "",
        ])), "source");

        ProgramOutput result = await machines.TryInstallAsync(
            installer, "--source-imgref", "oci:/output/source", "--enforce-container-sigpolicy", "--bound-images", "skip", "--bootloader", "systemd",
            "--block-setup", "direct", "--composefs-backend", "--skip-fetch-check", "--target-no-signature-verification");

        result.ExitCode.Should().Be(0, result.ToString());
        result.Error.Should().Contain("warning: images that the image binds were not installed: registry.example/app:1\n");
        DiskImage disk = new(machines.Disk);
        (await disk.ReadOriginAsync()).Split('\n').Should()
            .ContainSingle(line => line.StartsWith("container-image-reference=")).Which.Should().Be($"container-image-reference=ostree-image-signed:docker://{LabInstall.TargetImage}");
        (await disk.ReadOriginAsync()).Should().Contain($"manifest_digest={digest}\n");
        (await disk.ListAsync("/composefs/bootc/storage")).Should().BeEmpty();
        (await disk.ReadOptionsAsync()).Should().Be(
            "root=LABEL=root rw systemd.mount-extra=LABEL=EFI-SYSTEM:/boot:auto:ro from=config more=1 of=source",
            "the configuration is that of the image that installs, the kernel arguments are those of the one that is installed");
    }

    [Fact]
    public async Task The_configuration_may_have_a_policy_vouch_for_every_update()
    {
        string image = await LabImages.BuildAsync("enforcing", string.Join('\n',
        [
            $"FROM {machines.Image}",
            Machines.File("/etc/bootc/install/40-policy.toml", "[install]\nenforce-container-sigpolicy = true\n"),
            Machines.File("/etc/containers/policy.json", """{"default": [{"type": "reject"}], "transports": {"docker": {"registry.example": [{"type": "insecureAcceptAnything"}]}}}"""),
            "",
        ]));

        DiskImage disk = new(await machines.InstallAsync(image));

        (await disk.ReadOriginAsync()).Split('\n').Should()
            .ContainSingle(line => line.StartsWith("container-image-reference=")).Which.Should().Be($"container-image-reference=ostree-image-signed:docker://{LabInstall.TargetImage}");
    }

    [Theory]
    [InlineData("oci", "/output/nowhere", "error: Looking for updates at oci:/output/nowhere: .*nowhere")]
    [InlineData("containers-storage", "localhost/nowhere:1", "error: Looking for updates at containers-storage:localhost/nowhere:1: .*nowhere")]
    [InlineData("registry", "registry.example/os:1", "error: Looking for updates at docker://registry.example/os:1: registry.example: .")]
    public async Task A_fetch_check_refuses_an_image_that_cannot_be_had(string transport, string name, string message)
    {
        ProgramOutput result = await machines.TryInstallAsync(machines.Image, "--run-fetch-check", "--target-transport", transport, "--target-imgref", name);

        result.ExitCode.Should().Be(1, result.ToString());
        result.Error.Should().MatchRegex(message);
    }

    /// <summary>Fields that upstream's JSON schema of the protocol (version 0.1.0) requires.</summary>
    public static TheoryData<string, string[]> EventFields() => new()
    {
        { "Start", ["version"] },
        { "ProgressSteps", ["task", "description", "id", "stepsCached", "steps", "stepsTotal", "subtasks"] },
        { "ProgressBytes", ["task", "description", "id", "bytesCached", "bytes", "bytesTotal", "stepsCached", "steps", "stepsTotal", "subtasks"] },
    };

    [Theory]
    [MemberData(nameof(EventFields))]
    public async Task Progress_comes_through_a_pipe_as_upstreams_schema_wants_it(string type, string[] fields)
    {
        JsonElement[] events = [.. (await machines.Progress).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

        events[0].GetProperty("type").GetString().Should().Be("Start");
        events.Where(e => e.GetProperty("type").GetString() == type).Should().NotBeEmpty().And.AllSatisfy(
            e => e.EnumerateObject().Select(field => field.Name).Should().Equal(["type", .. fields]));
    }

    [Fact]
    public async Task The_merged_configuration_is_printed_as_json()
    {
        Podman podman = await Podman.Instance;

        (await podman.RunAsync(["run", "--rm", "--network=none", machines.Image, "bootc", "install", "print-configuration", "--all"])).Should().Be(
            """{"block":["direct"],"boot-mount-spec":"LABEL=EFI-SYSTEM","bootloader":"systemd","bootupd":null,"discoverable-partitions":null,"""
            + "\"enforce-container-sigpolicy\":null,\"filesystem\":{\"root\":{\"type\":\"ext4\"}},\"karg-deletes\":[\"unwanted=config\"],"
            + "\"kargs\":[\"from=config\",\"unwanted=config\",\"more=1\"],\"match-architectures\":null,\"ostree\":null,\"root-fs-type\":\"ext4\","
            + "\"root-mount-spec\":\"LABEL=root\",\"stateroot\":\"machine\"}");
        (await podman.RunAsync(["run", "--rm", "--network=none", await LabImages.Debian, "bootc", "install", "print-configuration"]))
            .Should().NotContain("karg").And.StartWith("{\"block\":null,");
    }
}
