using System.Text.Json;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>
/// A machine whose image has podman in it and binds an application: it runs at the first boot, is replaced by an update and comes back by a rollback.
/// What else takes podman in a guest or a registry that signs is tried on the same machine.
/// </summary>
[Trait("Category", "All")]
public sealed class BoundImageMachineTests : IAsyncLifetime
{
    private const string Source = "os/debian";
    private const string Application = "podman exec systemd-app /bin/busybox cat /version";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-bound-machine");
    private LabRegistry _registry = null!;
    private Podman _podman = null!;
    private KeptMachine _machine = null!;

    private string Followed => $"{_registry.HostOfGuests}/{Source}:stable";

    public async Task InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync();
        _podman = await Podman.Instance;
        string image = await BuildAsync(1, binds: await BuildApplicationAsync("one"));
        InstalledMachine installed = await LabInstall.InstallAsync(
            image, "bound", "--filesystem", "ext4", "--allow-missing-verity", "--target-imgref", Followed);
        _machine = await KeptMachine.StartAsync(installed.State, "bound");
        await _machine.RunAsync(_registry.ScriptForGuests);
    }

    public async Task DisposeAsync()
    {
        if (_machine is not null)
        {
            await _machine.DisposeAsync();
        }

        await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task An_application_comes_goes_and_comes_back_with_the_image_that_binds_it()
    {
        (await _machine.RunAsync(Application)).Should().Be("one", "the install copied it out of podman's storage");
        (await _machine.RunAsync("podman image list --quiet")).Should().BeEmpty("it is in bootc's storage, not in podman's own");
        (await _machine.RunAsync("bootc image cmd list --format '{{.Repository}}'")).Should().Be("localhost/bootc-lab/app");

        string next = $"{_registry.HostOfGuests}/os/app:2";
        await _registry.PushAsync(_podman, await BuildApplicationAsync("two"), "os/app:2");
        await _registry.PushAsync(_podman, await BuildAsync(2, next), $"{Source}:stable");
        await _machine.RebootAsync("bootc upgrade --quiet --apply && sleep 300");
        (await _machine.RunAsync(Application)).Should().Be("two", "the update pulled it before it was staged");
        (await _machine.RunAsync("bootc image list")).Should().Contain(next);

        await _machine.RebootAsync("bootc rollback --apply && sleep 300");
        (await _machine.RunAsync(Application)).Should().Be("one", "what can be gone back to keeps what it binds");
        (await _machine.RunAsync("systemctl --failed --no-legend --plain")).Should().BeEmpty();

        await WhatIsDamagedIsFetchedAnewAsync(next);
        await OnlyWhatIsSignedIsStagedAsync();
        await WhatRunsIsCopiedToPodmanAndComesBackFromThereAsync();
    }

    private async Task WhatIsDamagedIsFetchedAnewAsync(string image)
    {
        const string Find = "grep -lx two /sysroot/composefs/bootc/storage/overlay/*/diff/version";
        await _machine.RunAsync($"unshare --mount sh -ec 'mount -o remount,bind,rw /sysroot && echo damaged > $({Find})'");

        (await _machine.TryRunAsync("bootc doctor")).Output.Should().MatchRegex($"damaged: the image {image}, which deployment [0-9a-f]+… binds, is damaged: ");
        await _machine.RunAsync("bootc doctor --fix");

        (await _machine.RunAsync($"cat $({Find})")).Should().Be("two");
    }

    private async Task OnlyWhatIsSignedIsStagedAsync()
    {
        SigningSkopeo skopeo = await SigningSkopeo.StartAsync(_registry, _folder);
        await skopeo.MakeKeyAsync("key");
        string signed = $"{_registry.HostOfGuests}/os/signed:1";
        await skopeo.RunAsync(["copy", .. skopeo.SignBy("key"), $"docker://{_registry.Host}/{Source}:stable", $"docker://{_registry.Host}/os/signed:1"]);
        // It was signed by the name that the registry has on this machine.
        await _machine.RunAsync(
            $$$$"""
            cat > /etc/containers/key.pub <<'END'
            {{{{await File.ReadAllTextAsync(skopeo.PublicKey("key"))}}}}
            END
            mkdir -p /etc/containers/registries.d
            cat > /etc/containers/registries.d/lab.yaml <<'END'
            {{{{SigningSkopeo.UseAttachments(_registry.HostOfGuests)}}}}
            END
            [ ! -e /etc/containers/policy.json ] || mv /etc/containers/policy.json /run/
            cat > /etc/containers/policy.json <<'END'
            {
              "default": [{"type": "reject"}],
              "transports": {"docker": {"{{{{_registry.HostOfGuests}}}}/os": [{
                "type": "sigstoreSigned", "keyPath": "/etc/containers/key.pub",
                "signedIdentity": {"type": "remapIdentity", "prefix": "{{{{_registry.HostOfGuests}}}}", "signedPrefix": "{{{{_registry.Host}}}}"}
              }]}}
            }
            END
            """);

        (await _machine.TryRunAsync($"bootc switch --enforce-container-sigpolicy {Followed}")).Error.Should().MatchRegex("it asks for a signature, and sha256:[0-9a-f]{64} has none");
        (await StagedAsync()).Should().BeNull();
        await _machine.RunAsync($"bootc switch --enforce-container-sigpolicy {signed}");
        (await StagedAsync()).Should().Be("2");
        (await _machine.RunAsync("bootc status")).Should().Contain("signature: containerPolicy");
        await _machine.RunAsync("rm /etc/containers/policy.json; [ ! -e /run/policy.json ] || mv /run/policy.json /etc/containers/");
    }

    private async Task WhatRunsIsCopiedToPodmanAndComesBackFromThereAsync()
    {
        await _machine.RunAsync("bootc image copy-to-storage --target localhost/copy:1");
        (await _machine.RunAsync("podman run --rm --network=none localhost/copy:1 cat /usr/share/lab-version")).Should().Be("1");

        await _machine.RunAsync("bootc switch --transport containers-storage localhost/copy:1");
        (await StagedAsync()).Should().BeNull("it is what runs");
        JsonElement spec = JsonDocument.Parse(await _machine.RunAsync("bootc status --json")).RootElement.GetProperty("spec").GetProperty("image");
        (spec.GetProperty("transport").GetString(), spec.GetProperty("image").GetString()).Should().Be(("containers-storage", "localhost/copy:1"));
    }

    private async Task<string?> StagedAsync()
    {
        JsonElement staged = JsonDocument.Parse(await _machine.RunAsync("bootc status --json")).RootElement.GetProperty("status").GetProperty("staged");
        return staged.ValueKind == JsonValueKind.Null ? null : staged.GetProperty("image").GetProperty("version").GetString();
    }

    private static async Task<string> BuildAsync(int version, string binds) => await UpdateImages.BuildAsync(
        await LabImages.DebianWithAsync("initramfs-tools", "crun", "netavark", "podman"),
        version,
        karg: version,
        $"""
        RUN mkdir -p /usr/share/containers/systemd /usr/lib/bootc/bound-images.d && \
            printf '%s\n' '[Container]' 'Image={binds}' 'GlobalArgs=--storage-opt=additionalimagestore=/usr/lib/bootc/storage' 'Network=none' \
              '[Install]' 'WantedBy=multi-user.target' > /usr/share/containers/systemd/app.container && \
            ln -s /usr/share/containers/systemd/app.container /usr/lib/bootc/bound-images.d/app.container
        """);

    private async Task<string> BuildApplicationAsync(string version)
    {
        DebianTree busybox = await Lab.BusyboxTree;
        string name = $"localhost/bootc-lab/app:{version}-{LabCache.KeyOf(busybox.Root)}";
        return await _podman.EnsureImageAsync(name, async () =>
        {
            DirectoryInfo content = _folder.CreateSubdirectory($"app-{version}");
            content.CreateSubdirectory("bin");
            File.Copy(busybox.PathOf("bin/busybox"), Path.Join(content.FullName, "bin/busybox"));
            await File.WriteAllTextAsync(Path.Join(content.FullName, "version"), version);
            await _podman.ImportAsync(content.FullName, name, "CMD [\"/bin/busybox\", \"sleep\", \"1000000\"]");
        });
    }
}
