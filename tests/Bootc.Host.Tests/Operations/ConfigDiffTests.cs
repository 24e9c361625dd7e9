using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Deployments;
using Bootc.Host.Etc;
using Bootc.Host.Operations;
using Bootc.Host.Tests.Etc;
using Bootc.Linux;

namespace Bootc.Host.Tests.Operations;

/// <summary>A machine made of folders: an image of <c>pristine</c> that runs, one of <c>next</c> that is staged, and its own <c>/etc</c>.</summary>
public sealed class ConfigDiffTests : IDisposable
{
    private readonly EtcFolders _etc = new();

    public void Dispose() => _etc.Dispose();

    [Fact]
    public void Lists_what_the_machine_did_and_what_of_it_does_not_fit_into_the_staged_image()
    {
        _etc.Run("sh", "-ec", """
            for d in pristine current next; do echo a > $d/same; echo a > $d/edited; echo a > $d/gone; echo a > $d/swapped; done
            echo b > current/edited; rm current/gone; mkdir current/new; echo c > current/new/file
            echo b > current/swapped; rm next/swapped; mkdir next/swapped
            """);
        Machine machine = Make();

        EtcMergePlan alone = ConfigDiff.Read(machine, default);
        machine.Staged = new(Import("next"), IsLocked: false);
        EtcMergePlan staged = ConfigDiff.Read(machine, default);

        string[] changes = ["Modified edited", "Removed gone", "Added new", "Added new/file", "Modified swapped"];
        alone.Changes.Select(change => change.ToString()).Should().Equal(changes);
        alone.Conflicts.Should().BeEmpty();
        staged.Changes.Select(change => change.ToString()).Should().Equal(changes);
        staged.Conflicts.Select(conflict => conflict.ToString()).Should().Equal("/etc/swapped: a file that was changed here is a directory in the new image");
        machine.Dispose();
    }

    private Machine Make()
    {
        _etc.Run("sh", "-ec", "mkdir -p root/run sysroot/state/deploy");
        ObjectId booted = Import("pristine");
        _etc.Run("sh", "-ec", $"mkdir sysroot/{StateLayout.Deployment(booted)}; cp -a current sysroot/{StateLayout.Deployment(booted)}/etc");
        return new(Dir.Open(_etc["root"]), Dir.Open(_etc["sysroot"]), new(booted, VerityOptional: true), Esp: null);
    }

    /// <summary>Puts an image into the repository that has nothing but this folder as its <c>/etc</c>.</summary>
    private ObjectId Import(string folder)
    {
        using Dir sysroot = Dir.Open(_etc["sysroot"]);
        using Repository repository = Repository.Ensure(sysroot, StateLayout.Repository, VerityMode.Optional);
        using Dir etc = Dir.Open(_etc[folder]);
        Inode.Directory root = new(new Metadata(0b111_101_101));
        root.Set(FileName.Parse("etc"), DirectoryScanner.Scan(etc, repository.Algorithm).Root);
        using MemoryStream image = new();
        ErofsWriter.Write(new(root), ErofsVersion.V1, repository.Algorithm, image);
        ObjectId id = repository.Objects.Ensure(image.ToArray());
        Publication publication = repository.BeginPublication();
        publication.AddImage(id);
        publication.Publish();
        return id;
    }
}
