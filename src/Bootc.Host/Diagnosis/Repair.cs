using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Images;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// A change that heals something, decided before anything is changed. Each is safe by itself: what is there stays until what replaces it
/// is whole, and doing it twice does no harm.
/// </summary>
public abstract record Repair
{
    private Repair()
    {
    }

    /// <summary>What is done, as a step of progress.</summary>
    public abstract string Step { get; }

    /// <summary>Repairs are made in this order: each rests only on what those of lower numbers heal.</summary>
    internal abstract int Order { get; }

    /// <summary>Whether the content of the repository is another one afterwards.</summary>
    internal virtual bool ChangesRepository => false;

    /// <summary>Makes <c>meta.json</c> again.</summary>
    public sealed record RestoreConfig : Repair
    {
        public override string Step => "Writing meta.json of the repository";

        internal override int Order => 0;

        internal override bool ChangesRepository => true;
    }

    /// <summary>Removes a name or a reference of the repository that stands for nothing.</summary>
    /// <param name="Path">In the repository.</param>
    public sealed record RemoveDangling(string Path) : Repair
    {
        public override string Step => $"Removing {Path}, which stands for nothing";

        internal override int Order => 1;

        internal override bool ChangesRepository => true;
    }

    /// <summary>Puts an image together again; only layers of which something is damaged are fetched.</summary>
    /// <param name="Deployment">The deployment whose image it is.</param>
    /// <param name="Source">Its update source.</param>
    /// <param name="Manifest">The digest of its manifest, by which it is fetched.</param>
    public sealed record RestoreImage(ObjectId Deployment, string Source, string Manifest) : Repair
    {
        public override string Step => $"Restoring the image {Manifest} of {Source}";

        internal override int Order => 2;

        internal override bool ChangesRepository => true;
    }

    /// <summary>Removes a record of <c>/state/bootc</c>.</summary>
    /// <param name="Name">The file.</param>
    public sealed record RemoveRecord(string Name) : Repair
    {
        public override string Step => $"Removing the record {Name}";

        internal override int Order => 3;
    }

    /// <summary>Writes the origin of a deployment that has its state.</summary>
    /// <param name="Deployment">The deployment.</param>
    /// <param name="Origin">The content of the file.</param>
    public sealed record WriteOrigin(ObjectId Deployment, string Origin) : Repair
    {
        public override string Step => $"Writing the origin of {Deployment}";

        internal override int Order => 4;
    }

    /// <summary>
    /// Gives a deployment that does not run its state again: <c>/etc</c> of the image with this machine's changes, as an update would.
    /// </summary>
    /// <param name="Deployment">The deployment.</param>
    /// <param name="Origin">The content of its origin.</param>
    /// <param name="VarLink">What its <c>var</c> points to.</param>
    public sealed record RestoreState(ObjectId Deployment, string Origin, string VarLink) : Repair
    {
        public override string Step => $"Laying out the state of {Deployment}";

        internal override int Order => 5;
    }

    /// <summary>Makes the link from a deployment to the shared <c>/var</c>.</summary>
    /// <param name="Deployment">The deployment.</param>
    /// <param name="Target">What it points to.</param>
    public sealed record MakeVarLink(ObjectId Deployment, string Target) : Repair
    {
        public override string Step => $"Linking {Deployment} to /var";

        internal override int Order => 6;
    }

    /// <summary>Copies the kernel and the initrd of an image to the boot file system.</summary>
    /// <param name="Deployment">The deployment whose image it is.</param>
    /// <param name="Directory">The name of the directory, which entries may know.</param>
    public sealed record CopyKernel(ObjectId Deployment, string Directory) : Repair
    {
        public override string Step => $"Copying the kernel to {Directory}";

        internal override int Order => 7;
    }

    /// <summary>Forgets what is staged, which the next shutdown could not apply.</summary>
    public sealed record ForgetStaged : Repair
    {
        public override string Step => "Dropping what is staged";

        internal override int Order => 8;
    }

    /// <summary>Writes the live boot entries anew.</summary>
    /// <param name="Live">All of them, those of other systems too.</param>
    /// <param name="Waiting">What is staged and stays so; null for nothing.</param>
    public sealed record WriteEntries(BootMenu Live, BootMenu? Waiting) : Repair
    {
        public override string Step => "Writing the boot entries";

        internal override int Order => 9;
    }

    /// <summary>Removes boot entries that wait for nothing.</summary>
    public sealed record DropStagedEntries : Repair
    {
        public override string Step => "Removing boot entries of what is not staged any more";

        internal override int Order => 10;
    }

    /// <summary>Takes down what became of an update that was staged, and drops its record.</summary>
    public sealed record CloseStagedRecord : Repair
    {
        public override string Step => "Dropping the record of a staged update";

        internal override int Order => 11;
    }

    /// <summary>Gets an image that a deployment binds, anew where it is there and damaged.</summary>
    /// <param name="Image">The image.</param>
    public sealed record PullBoundImage(BoundImage Image) : Repair
    {
        public override string Step => $"Getting the bound image {Image.Name} again";

        internal override int Order => 12;
    }

    /// <summary>Removes kernels that no entry boots by.</summary>
    public sealed record RemoveUnusedKernels : Repair
    {
        public override string Step => "Removing kernels that nothing boots by";

        internal override int Order => 13;
    }

    /// <summary>Removes what no deployment needs.</summary>
    public sealed record CollectGarbage : Repair
    {
        public override string Step => "Removing what no deployment needs";

        internal override int Order => 14;

        internal override bool ChangesRepository => true;
    }
}
