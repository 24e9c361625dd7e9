using System.Text;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Host.Tests.Operations;
using Bootc.Host.Trust;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Registry;
using Bootc.Oci.Sources;
using Bootc.Oci.Trust;

namespace Bootc.Host.Tests.Trust;

/// <summary>Signature policies on a machine that is folders. Signatures themselves need a registry: see the system tests.</summary>
public sealed class ImageTrustTests : IAsyncLifetime
{
    private const string Everything = """{"default": [{"type": "insecureAcceptAnything"}]}""";
    private const string EverythingTwice = """{"default": [{"type": "insecureAcceptAnything"}, {"type": "insecureAcceptAnything"}]}""";
    private const string Nothing = """{"default": [{"type": "reject"}]}""";
    private const string Layouts = """{"default": [{"type": "reject"}], "transports": {"oci": {"": [{"type": "insecureAcceptAnything"}]}}}""";

    private MachineFolders _machine = null!;

    public async Task InitializeAsync() => _machine = await MachineFolders.CreateAsync();

    public Task DisposeAsync()
    {
        _machine.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("CONTAINERS_POLICY_JSON=/a/b HOME=/root", "a/b")]
    [InlineData("HOME=/root", "root/.config/containers/policy.json etc/containers/policy.json usr/share/containers/policy.json")]
    [InlineData("HOME=/root XDG_CONFIG_HOME=/x", "x/containers/policy.json etc/containers/policy.json usr/share/containers/policy.json")]
    [InlineData("", "etc/containers/policy.json usr/share/containers/policy.json")]
    public void A_policy_is_looked_for_where_podman_looks_for_it(string environment, string places)
    {
        Dictionary<string, string> variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(one => one[0], one => one[1]);

        ImageTrust.Places(variables.GetValueOrDefault).Should().Equal(places.Split(' '));
    }

    [Theory]
    [InlineData(null, false, null)]
    [InlineData(null, true, "a signature policy has to vouch for images here, and there is none: /etc/containers/policy.json is missing")]
    [InlineData(Everything, false, null)]
    [InlineData(Everything, true, "a signature policy has to vouch for images here, and /etc/containers/policy.json takes every image that it does not name*")]
    [InlineData(EverythingTwice, true, "a signature policy has to vouch for images here, and /etc/containers/policy.json takes every image that it does not name*")]
    [InlineData(Nothing, false, "oci:* is refused by /etc/containers/policy.json (its default): it takes none of these images")]
    [InlineData(Layouts, false, null)]
    [InlineData(Layouts, true, null)]
    [InlineData("{}", false, "/etc/containers/policy.json: the policy has no default")]
    public async Task A_policy_decides_before_anything_is_staged(string? policy, bool isEnforced, string? refusal)
    {
        SetPolicy(policy);
        ImageReference image = _machine.Publish(2);

        Func<Task<UpdateResult>> switching = () => _machine.SwitchAsync(image, isEnforced);

        if (refusal is null)
        {
            (await switching()).Outcome.Should().Be(UpdateOutcome.Staged);
        }
        else
        {
            Exception failure = (await switching.Should().ThrowAsync<Exception>()).WithMessage(refusal).Which;
            Failure.IsExpected(failure).Should().BeTrue();
            _machine.Status().Staged.Should().BeNull();
            Directory.Exists(_machine["sysroot/state/bootc"]).Should().BeFalse("nothing of the image was touched");
        }
    }

    [Fact]
    public async Task What_a_policy_has_to_vouch_for_is_recorded_and_holds_for_every_later_update()
    {
        SetPolicy(Layouts);
        ImageReference image = _machine.Publish(2);
        await _machine.SwitchAsync(image, isPolicyEnforced: true);
        _machine.Finalize();
        _machine.Reboot();

        File.ReadAllText(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"]).Should().Contain($"container-image-reference=ostree-image-signed:{image}\n");
        _machine.Status().Booted!.Image!.IsPolicyEnforced.Should().BeTrue();
        SetPolicy(Everything);
        await _machine.Awaiting(m => m.UpgradeAsync(new())).Should().ThrowAsync<BootcException>().WithMessage("a signature policy has to vouch for images here*");

        (await _machine.SwitchAsync(image)).Outcome.Should().Be(UpdateOutcome.UpToDate, "it is the same image, and no policy need vouch for it any more");
        File.ReadAllText(_machine[$"sysroot/state/deploy/{_machine.Booted}/{_machine.Booted}.origin"]).Should().Contain($"container-image-reference=ostree-unverified-image:{image}\n");
    }

    [Fact]
    public async Task A_policy_counts_where_it_is_a_symbolic_link()
    {
        SetPolicy(Nothing);
        Link("containers/policy.json");

        await _machine.Awaiting(m => m.SwitchAsync(m.Publish(2))).Should().ThrowAsync<UntrustedImageException>();
    }

    [Fact]
    public async Task A_policy_that_is_a_link_to_nothing_is_not_taken_for_none()
    {
        SetPolicy(Nothing);
        File.Delete(Link("containers/policy.json"));

        await _machine.Awaiting(m => m.SwitchAsync(m.Publish(2))).Should().ThrowAsync<BootcException>()
            .WithMessage("/etc/containers/policy.json, the signature policy, is a symbolic link that leads to nothing");
    }

    [Fact]
    public async Task A_rule_for_a_folder_holds_for_the_links_that_lead_there()
    {
        string folder = _machine.Publish(2).Name;
        string link = _machine["link"];
        File.CreateSymbolicLink(link, Path.GetDirectoryName(folder)!);
        SetPolicy($$$$"""{"default": [{"type": "insecureAcceptAnything"}], "transports": {"oci": {"{{{{folder}}}}": [{"type": "reject"}]}}}""");

        await _machine.Awaiting(m => m.SwitchAsync(ImageReference.Parse($"oci:{link}/{Path.GetFileName(folder)}"))).Should().ThrowAsync<UntrustedImageException>();
    }

    [Fact]
    public async Task A_policy_that_is_named_and_missing_is_not_taken_for_none()
    {
        ImageReference reference = _machine.Publish(2);
        using IImageSource source = ImageSources.Open(reference, () => throw new InvalidOperationException("no registry is needed"));
        ResolvedImage image = await source.ResolveAsync(default);
        using Dir root = Dir.Open(_machine["root"]);
        ImageTrust trust = new(root, Steps.Silent) { Variables = name => name == "CONTAINERS_POLICY_JSON" ? "/etc/none.json" : null };

        await trust.Awaiting(t => t.RequireAsync(source, image, new(reference), default)).Should().ThrowAsync<BootcException>()
            .WithMessage("CONTAINERS_POLICY_JSON names /etc/none.json as the signature policy, and that is missing");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_power_cut_lost_is_asked_about_again_where_some_of_it_has_to_be_fetched(bool isWhole)
    {
        await _machine.SwitchAsync(_machine.Publish(2));
        _machine.Reboot();
        _machine.With(machine => new BootReport(machine).Run());
        SetPolicy(Nothing);
        foreach (string layer in isWhole ? [] : Directory.GetFiles(_machine["sysroot/composefs/streams"], "oci-layer-*"))
        {
            File.Delete(layer);
        }

        Func<Task<UpdateResult>> staging = () => _machine.UpgradeAsync(new() { FromDownloaded = true });

        if (isWhole)
        {
            (await staging()).Outcome.Should().Be(UpdateOutcome.Staged);
        }
        else
        {
            Failure.Describe((await staging.Should().ThrowAsync<BootcException>()).Which).Should()
                .MatchRegex("^Importing layer [12] of 2: oci:.* is refused by /etc/containers/policy.json \\(its default\\): it takes none of these images$");
            _machine.Status().Staged.Should().BeNull();
        }
    }

    [Theory]
    [InlineData("registries.d/a.yaml")]
    [InlineData("registries.d")]
    public void What_registries_d_says_counts_where_it_is_a_symbolic_link(string link)
    {
        Write("containers/registries.d/a.yaml", "docker:\n  q.io:\n    use-sigstore-attachments: true\n");
        Link($"containers/{link}");

        using Dir root = Dir.Open(_machine["root"]);
        RegistriesYaml.Read(root).Cover(ImageReference.Parse("docker://q.io/a:1")).Should().BeTrue();
    }

    [Theory]
    [InlineData(true, "/etc/pki/os.pub is not PEM with a PUBLIC KEY in it")]
    [InlineData(false, "the key /etc/pki/os.pub of the signature policy is missing")]
    public async Task A_key_is_read_where_it_is_a_symbolic_link(bool isThere, string problem)
    {
        SetPolicy("""{"default": [{"type": "sigstoreSigned", "keyPath": "/etc/pki/os.pub"}]}""");
        Write("containers/registries.d/a.yaml", "default-docker:\n  use-sigstore-attachments: true\n");
        Write("pki/os.pub", "no key");
        string key = Link("pki/os.pub");
        if (!isThere)
        {
            File.Delete(key);
        }

        using LayoutRegistry registry = LayoutRegistry.Start(_machine.Publish(2).Name);
        ImageReference reference = ImageReference.Parse(registry.Reference);
        using IImageSource source = ImageSources.Open(reference, () => registry.Access);
        ResolvedImage image = await source.ResolveAsync(default);
        registry.Layout = SignatureLayout();
        using Dir root = Dir.Open(_machine["root"]);

        await new ImageTrust(root, Steps.Silent).Awaiting(trust => trust.RequireAsync(source, image, new(reference), default)).Should()
            .ThrowAsync<Exception>().WithMessage(problem);
    }

    [Fact]
    public async Task A_short_name_is_judged_by_what_the_registries_make_of_it()
    {
        SetPolicy("""{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"registry.example": [{"type": "reject"}]}}}""");
        RegistryAccess access = new()
        {
            UserAgent = "bootc/1",
            Config = RegistriesConfig.Of([new("registries.conf") { UnqualifiedSearchRegistries = ["registry.example"] }]),
        };
        ImageReference reference = ImageReference.Parse("docker://os:1");
        using IImageSource layout = ImageSources.Open(_machine.Publish(2), () => access);
        using IImageSource registry = ImageSources.Open(reference, () => access);
        using Dir root = Dir.Open(_machine["root"]);
        ResolvedImage image = await layout.ResolveAsync(default);

        await new ImageTrust(root, Steps.Silent).Awaiting(trust => trust.RequireAsync(registry, image, new(reference), default)).Should()
            .ThrowAsync<UntrustedImageException>().WithMessage("docker://registry.example/os:1 is refused by * (\"registry.example\" of transport docker): *");
    }

    [Theory]
    [InlineData("docker:\n  q.io:\n    use-sigstore-attachments: true\n", "docker://q.io/a:1", true)]
    [InlineData("docker:\n  q.io:\n    use-sigstore-attachments: true\n", "docker://r.io/a:1", false)]
    [InlineData("default-docker:\n  use-sigstore-attachments: true\ndocker:\n  q.io/a:\n    use-sigstore-attachments: false\n", "docker://q.io/a:1", false)]
    [InlineData("default-docker:\n  use-sigstore-attachments: true\ndocker:\n  q.io/a:\n    lookaside: file:///x\n", "docker://q.io/a:1", true)]
    [InlineData("# nothing\n", "docker://q.io/a:1", false)]
    [InlineData("docker:\n", "docker://q.io/a:1", false)]
    public void Signatures_are_looked_for_where_registries_d_says_so(string yaml, string image, bool isCovered) =>
        Parse(("a.yaml", yaml)).Cover(ImageReference.Parse(image)).Should().Be(isCovered);

    [Theory]
    [InlineData("docker: []\n", "/etc/containers/registries.d/a.yaml: docker has no members")]
    [InlineData("docker:\n  q.io:\n    use-sigstore-attachments: maybe\n", "*q.io.use-sigstore-attachments is neither true nor false")]
    [InlineData("a: &b c\n", "/etc/containers/registries.d/a.yaml: line 1*")]
    public void What_is_wrong_there_is_named(string yaml, string problem) =>
        FluentActions.Invoking(() => Parse(("a.yaml", yaml))).Should().Throw<FormatException>().WithMessage(problem);

    [Fact]
    public void What_is_said_twice_there_is_an_error()
    {
        const string Yaml = "docker:\n  q.io:\n    use-sigstore-attachments: true\n";

        FluentActions.Invoking(() => Parse(("a.yaml", Yaml), ("b.yaml", Yaml))).Should().Throw<FormatException>().WithMessage("*b.yaml: q.io is in another file, too");
    }

    private static AttachmentSettings Parse(params (string Name, string Text)[] files) =>
        RegistriesYaml.Parse(files.Select(file => (file.Name, Encoding.UTF8.GetBytes(file.Text))));

    /// <summary>A layout of something that is attached to an image as a signature is.</summary>
    private string SignatureLayout()
    {
        byte[] payload = "payload"u8.ToArray();
        string part = $"\"digest\": \"{Digest.Sha256(payload)}\", \"size\": {payload.Length}";
        byte[] manifest = Encoding.UTF8.GetBytes(
            $$$"""
            {"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", {{{part}}}}, "layers": [
              {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", {{{part}}}, "annotations": {"dev.cosignproject.cosign/signature": "eA=="}}
            ]}
            """);
        string folder = Directory.CreateDirectory(_machine["signature/blobs/sha256"]).FullName;
        foreach (byte[] blob in (byte[][])[payload, manifest])
        {
            File.WriteAllBytes(Path.Join(folder, $"{Digest.Sha256(blob)}".Split(':')[1]), blob);
        }

        File.WriteAllText(_machine["signature/index.json"], $$$"""{"manifests": [{"digest": "{{{Digest.Sha256(manifest)}}}"}]}""");
        return _machine["signature"];
    }

    /// <summary>Moves something of <c>/etc</c> aside, with a link in its place.</summary>
    /// <returns>Where it is now.</returns>
    private string Link(string path)
    {
        string place = _machine[$"root/etc/{path}"];
        string moved = _machine["root/etc/moved"];
        Directory.Move(place, moved);
        File.CreateSymbolicLink(place, Path.GetRelativePath(Path.GetDirectoryName(place)!, moved));
        return moved;
    }

    private void Write(string path, string content)
    {
        string file = _machine[$"root/etc/{path}"];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    private void SetPolicy(string? policy)
    {
        Directory.CreateDirectory(_machine["root/etc/containers"]);
        string path = _machine["root/etc/containers/policy.json"];
        if (policy is null)
        {
            File.Delete(path);
        }
        else
        {
            File.WriteAllText(path, policy);
        }
    }
}
