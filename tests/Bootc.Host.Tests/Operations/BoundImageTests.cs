using System.Collections.Immutable;
using System.Formats.Tar;
using System.Net;
using System.Net.Sockets;
using Bootc.Composefs;
using Bootc.Host.Images;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>Updates to images that bind others, on a machine of folders: with real podman, and a real registry.</summary>
public sealed class BoundImageTests : IAsyncLifetime
{
    private BoundImageLab _lab = null!;
    private MachineFolders _machine = null!;

    private string Storage => _machine["sysroot/composefs/bootc/storage"];

    public async Task InitializeAsync()
    {
        _lab = await BoundImageLab.StartAsync();
        _machine = await MachineFolders.CreateAsync();
    }

    public async Task DisposeAsync()
    {
        _machine.Dispose();
        await _lab.DisposeAsync();
    }

    [Fact]
    public async Task Bound_images_are_there_before_an_update_is_staged_and_are_not_pulled_twice()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        string db = await _lab.PublishAsync("lab/db:1");

        (await _machine.SwitchAsync(Publish(2, app))).Outcome.Should().Be(UpdateOutcome.Staged);
        (await _lab.ImagesAsync(Storage)).Should().Equal(app);
        Directory.ResolveLinkTarget(_machine["sysroot/ostree/bootc"], returnFinalTarget: true)!.FullName.Should().Be(_machine["sysroot/composefs/bootc"]);
        int pulls = await _lab.PullsAsync("lab/app");
        pulls.Should().BePositive();
        (await _machine.ExamineAsync()).Should().NotContain(finding => finding.ToString().Contains("storage"), "it is no garbage of the repository");

        (await _machine.SwitchAsync(Publish(3, app, db))).Outcome.Should().Be(UpdateOutcome.Staged);
        (await _lab.ImagesAsync(Storage)).Should().Equal(app, db);
        (await _lab.PullsAsync("lab/app")).Should().Be(pulls);
    }

    [Fact]
    public async Task A_bound_image_that_cannot_be_had_stops_staging_and_what_was_staged_before_stays()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        await _machine.SwitchAsync(Publish(2, app));
        ObjectId staged = _machine.Status().Staged!.Id;
        string none = $"{_lab.Host}/lab/none:1";

        Exception failure = (await _machine.Awaiting(m => m.SwitchAsync(Publish(3, app, none))).Should().ThrowAsync<BootcException>()).Which;

        Failure.Describe(failure).Should().MatchRegex($"^Pulling the bound image {none}: podman pull: exit code 125: .*manifest unknown");
        _machine.Status().Staged!.Id.Should().Be(staged);
        _machine.With(machine => machine.Records.BoundPull).Should().BeNull("nothing of it is half there: what has that name by the next time is whole");
    }

    [Fact]
    public async Task What_was_being_pulled_when_the_power_went_is_pulled_anew()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        await _machine.SwitchAsync(Publish(2, app));
        int pulls = await _lab.PullsAsync("lab/app");
        _machine.With(machine => machine.Records.BoundPull).Should().BeNull();
        // Podman has it by name, and its only file is empty.
        File.WriteAllText(FilesOfApps().Single(), "");
        _machine.With(machine => machine.Records.BoundPull = new(app));

        await _machine.SwitchAsync(Publish(3, app));

        (await _lab.PullsAsync("lab/app")).Should().BeGreaterThan(pulls);
        FilesOfApps().Select(File.ReadAllText).Should().Equal("localhost/lab/app:1");
        _machine.With(machine => machine.Records.BoundPull).Should().BeNull();
    }

    [Fact]
    public async Task An_update_that_is_interrupted_ends_podman()
    {
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        string image = $"localhost:{((IPEndPoint)silent.LocalEndpoint).Port}/lab/app:1";
        using CancellationTokenSource interrupt = new();
        Task<UpdateResult> update = _machine.WithAsync(
            machine => new Update(machine, MachineFolders.Programs, Steps.Silent).SwitchAsync(new(Publish(2, image)), interrupt.Token));
        Task<TcpClient> called = silent.AcceptTcpClientAsync();
        (await Task.WhenAny(update, called)).Should().BeSameAs(called);
        using TcpClient podman = await called;

        await interrupt.CancelAsync();

        await update.Awaiting(u => u).Should().ThrowAsync<OperationCanceledException>();
        // Podman closes the connection when it ends.
        while (await podman.GetStream().ReadAsync(new byte[1 << 10]) > 0)
        {
        }

        _machine.Status().Staged.Should().BeNull();
    }

    [Fact]
    public async Task A_link_that_binds_nothing_stops_staging()
    {
        PaxTarEntry link = new(TarEntryType.SymbolicLink, "usr/lib/bootc/bound-images.d/a.image") { LinkName = "/etc/none.image" };

        await _machine.Awaiting(m => m.SwitchAsync(m.Publish(2, more: [TestLayout.Directory("usr/lib/bootc/bound-images.d"), link])))
            .Should().ThrowAsync<FormatException>().WithMessage("/usr/lib/bootc/bound-images.d/a.image binds no image*");

        _machine.Status().Staged.Should().BeNull();
        Directory.Exists(Storage).Should().BeFalse();
    }

    [Fact]
    public async Task What_no_deployment_binds_any_more_is_collected_and_what_one_to_go_back_to_binds_is_not()
    {
        string old = await _lab.PublishAsync("lab/old:1");
        string app = await _lab.PublishAsync("lab/app:1");
        await UpdateAsync(Publish(2, old, app));

        // Version 2 runs; what it binds is there also when 3 and 4 are staged, and goes with it.
        await UpdateAsync(Publish(3, app));
        (await _lab.ImagesAsync(Storage)).Should().Equal(app, old);
        await UpdateAsync(Publish(4, app));
        ImmutableArray<string> rehearsed = await RehearseAsync();
        (await CollectAsync()).Should().Equal(rehearsed).And.ContainSingle();
        (await _lab.ImagesAsync(Storage)).Should().Equal(app);
        (await CollectAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task The_list_has_the_images_of_deployments_and_what_they_bind()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        ImageReference next = Publish(2, app);
        await _machine.SwitchAsync(next);

        ImageList list = _machine.With(ImageList.From);

        list.Host!.Value.Should().HaveCount(2).And.Contain(next);
        (list.Bound.Single(), list.Problems.Length).Should().Be((app, 0));
    }

    [Fact]
    public async Task As_long_as_a_deployment_cannot_be_read_no_bound_image_is_removed()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        await UpdateAsync(Publish(2, app));
        ObjectId bound = _machine.Booted;
        await UpdateAsync(Publish(3));
        // A damaged image of the one to go back to, which alone binds it.
        File.WriteAllText(_machine[$"sysroot/composefs/objects/{bound.ObjectPath}"], "damaged");

        Exception failure = (await this.Awaiting(t => t.RehearseAsync()).Should().ThrowAsync<BootcException>()).Which;
        failure.Message.Should().Contain($"it is not known which ones deployment {bound} binds");
        UpdateResult update = await _machine.SwitchAsync(Publish(4));

        update.Outcome.Should().Be(UpdateOutcome.Staged);
        update.Warnings.Should().Contain(warning => warning.StartsWith("what is not needed any more was not removed: "));
        (await _lab.ImagesAsync(Storage)).Should().Equal(app);
    }

    [Fact]
    public async Task The_doctor_gets_what_is_missing_and_leaves_what_is_damaged_where_nothing_better_can_be_had()
    {
        string app = await _lab.PublishAsync("lab/app:1");
        await UpdateAsync(Publish(2, app));
        (await _machine.ExamineAsync()).Should().BeEmpty();

        File.WriteAllText(FilesOfApps().Single(), "");
        string damage = (await _machine.ExamineAsync()).Should().ContainSingle().Which.Sentence;
        damage.Should().MatchRegex($"^the image {app}, which the booted deployment binds, is damaged: layer sha256:[0-9a-f]{{64}} was altered in storage: ");
        // Podman trusts this registry, bootc does not.
        DoctorReport report = await _machine.HealAsync();
        report.Failures.Should().ContainSingle().Which.Should().StartWith($"Getting the bound image {app} again: ").And.Contain("certificate");
        report.Left.Should().ContainSingle().Which.Sentence.Should().Be(damage);
        (await _lab.ImagesAsync(Storage)).Should().Equal(app);

        await LabProgram.RunAsync("rm", ["-rf", Storage]);
        report = await _machine.HealAsync();
        report.Healed.Should().ContainSingle().Which.Sentence.Should().Be($"the image {app}, which the booted deployment binds, is not in bootc's storage");
        (report.Left.Length, report.Failures.Length).Should().Be((0, 0));
        FilesOfApps().Select(File.ReadAllText).Should().Equal("localhost/lab/app:1");
    }

    [Fact]
    public async Task Images_are_copied_out_of_podmans_own_storage_with_their_ids()
    {
        string id = await _lab.MakeAsync("localhost/app:1");

        await CopyAsync(storage => storage.CopyMissingAsync([new("localhost/app:1", "link")], Steps.Silent, default));

        (await WithStorageAsync(storage => storage.TryFindAsync("localhost/app:1", default))).Should().Be(id);
        (await WithStorageAsync(storage => storage.RunOnTerminalAsync(["image", "exists", "localhost/app:1"], default))).Should().Be(0);
        (await WithStorageAsync(storage => storage.RunOnTerminalAsync(["image", "exists", "localhost/none:1"], default))).Should().Be(1);
        (await this.Awaiting(t => t.CopyAsync(storage => storage.CopyAsync("localhost/none:1", default))).Should().ThrowAsync<BootcException>())
            .Which.Message.Should().MatchRegex("^podman pull: exit code 125: .*localhost/none:1");
    }

    [Fact]
    public async Task What_is_being_copied_is_recorded_as_what_is_being_pulled_is()
    {
        await _lab.MakeAsync("localhost/app:1");
        List<string?> recorded = [];

        await _machine.WithAsync(async machine =>
        {
            Steps steps = new(_ => recorded.Add(machine.Records.BoundPull?.Image));
            await new BoundImagePull(machine, MachineFolders.Programs, steps).CopyFromDefaultStorageAsync("localhost/app:1", default);
            return true;
        });

        recorded.Should().NotBeEmpty().And.OnlyContain(image => image == "localhost/app:1");
        _machine.With(machine => machine.Records.BoundPull).Should().BeNull();
    }

    /// <summary>The one file of each image, in the layers of the storage.</summary>
    private IEnumerable<string> FilesOfApps() =>
        Directory.GetDirectories(Path.Join(Storage, "overlay")).Where(layer => Path.GetFileName(layer) != "l").Select(layer => Path.Join(layer, "diff/app"));

    private ImageReference Publish(int version, params string[] bound) => _machine.Publish(
        version,
        $"kernel {version}",
        [
            TestLayout.Directory("usr/lib/bootc/bound-images.d"), TestLayout.Directory("usr/share"), TestLayout.Directory("usr/share/containers"),
            .. bound.SelectMany((image, i) => (PaxTarEntry[])
            [
                TestLayout.File($"usr/share/containers/{i}.image", $"[Image]\nImage={image}\n"),
                new(TarEntryType.SymbolicLink, $"usr/lib/bootc/bound-images.d/{i}.image") { LinkName = $"/usr/share/containers/{i}.image" },
            ]),
        ]);

    private async Task UpdateAsync(ImageReference image)
    {
        await _machine.SwitchAsync(image);
        _machine.Finalize();
        _machine.Reboot();
    }

    private async Task<ImmutableArray<string>> CollectAsync() =>
        (await _machine.WithAsync(machine => new Garbage(machine, MachineFolders.Programs).CollectAsync(default))).BoundImages;

    private Task<ImmutableArray<string>> RehearseAsync() =>
        _machine.WithAsync(machine => new BoundImageGarbage(machine, MachineFolders.Programs).FindAsync(default));

    private Task<bool> CopyAsync(Func<BoundImageStorage, Task> copy) => WithStorageAsync(async storage =>
    {
        await copy(storage);
        return true;
    });

    private Task<T> WithStorageAsync<T>(Func<BoundImageStorage, Task<T>> operation) =>
        _machine.WithAsync(machine => operation(BoundImageStorage.Of(MachineFolders.Programs, machine.Sysroot)));
}
