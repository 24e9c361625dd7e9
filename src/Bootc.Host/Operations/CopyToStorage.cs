using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>Copies the image of a deployment into podman's storage, out of the repository and without its update source.</summary>
public sealed class CopyToStorage(Machine machine, Programs programs, Steps steps)
{
    /// <summary>What the copy is called unless told otherwise.</summary>
    public const string DefaultName = "localhost/bootc";

    private const string Temporary = "var/tmp";

    /// <summary>
    /// The image that <paramref name="source"/> stands for here: that of the deployment which runs where nothing is said or where it has
    /// that update source, else that of any other which has it.
    /// </summary>
    /// <exception cref="BootcException">No deployment has it, or its origin cannot be read.</exception>
    public DeployedImage Find(ImageReference? source)
    {
        DeploymentRecord booted = machine.Deployments.Read(machine.Booted.Id);
        if (source is null)
        {
            return booted.Image ?? throw new BootcException($"nobody knows what image runs: {booted.Damage}; \"bootc doctor\" says more");
        }

        DeployedImage[] images =
        [
            .. machine.Deployments.Ids().Where(id => !id.Equals(machine.Booted.Id)).Select(machine.Deployments.Read).Prepend(booted)
                .Select(record => record.Image).OfType<DeployedImage>(),
        ];
        return images.FirstOrDefault(image => image.Reference == source)
            ?? throw new BootcException($"no deployment of this machine came from {source}, only from {string.Join(", ", images.Select(image => image.Reference).Distinct())}");
    }

    /// <summary>Copies an image; podman gives it its name when it has all of it.</summary>
    /// <param name="image">An image of a deployment.</param>
    /// <param name="target">The name in podman's storage.</param>
    /// <param name="cancellationToken">Stops within a layer.</param>
    /// <returns>The digest of the manifest that the copy has.</returns>
    public async Task<Digest> RunAsync(DeployedImage image, ImageName target, CancellationToken cancellationToken)
    {
        using Dir directory = machine.Sysroot.OpenDir(StateLayout.Repository);
        using Repository repository = Repository.Open(directory, VerityMode.Optional);
        ImageExport export = ImageExport.Open(repository, Digest.Parse(image.Digest));

        // Podman keeps what it reads from a pipe in files, setuid programs among them; they go with the folder, however podman ends.
        using Dir temporary = machine.Root.OpenDir(Temporary);
        using TemporaryFolder folder = TemporaryFolder.In(temporary, "copy");
        Digest? copied = null;
        await programs.FeedAsync(
            "podman",
            ["load", "--quiet"],
            async (archive, cancellation) => copied = await export.WriteAsync(archive, target.ToString(), steps, cancellation),
            new Dictionary<string, string?> { ["TMPDIR"] = folder.Path },
            cancellationToken);
        return copied ?? throw new BootcException("podman load ended before it had read the image");
    }
}
