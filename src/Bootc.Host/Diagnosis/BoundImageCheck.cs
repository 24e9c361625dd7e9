using System.Buffers;
using Bootc.Composefs;
using Bootc.Host.Images;
using Bootc.Oci;
using Bootc.Oci.Layers;
using Bootc.Oci.Sources;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// Looks whether the images that deployments bind are in bootc's own storage, as podman finds them there, and whether their files are those
/// that podman unpacked.
/// </summary>
/// <param name="facts">What the machine says.</param>
/// <param name="images">What the repository tells.</param>
/// <param name="findings">Takes what is found.</param>
/// <param name="programs">Runs podman.</param>
internal sealed class BoundImageCheck(MachineFacts facts, RepositoryCheck images, FindingList findings, Programs programs)
{
    /// <summary>Looks.</summary>
    /// <param name="whole">The ids of images that an earlier look read; those that this one reads are added.</param>
    /// <param name="cancellationToken">Ends podman, and stops between two pieces of a layer.</param>
    public async Task RunAsync(ISet<string> whole, CancellationToken cancellationToken)
    {
        foreach ((ObjectId deployment, BoundImage image) in facts.Needed
            .SelectMany(id => images[id].Bound.Select(image => (id, image))).DistinctBy(bound => bound.image.Name))
        {
            string what = $"the image {image.Name}, which {facts.NameOf(deployment)} binds,";
            Repair repair = new Repair.PullBoundImage(image);
            await findings.TryAsync(what, async () =>
            {
                if (await TryFindAsync(image, cancellationToken) is not { } id)
                {
                    findings.Damage($"{what} is not in bootc's storage", repair);
                }
                else if (!whole.Contains(id) && await FindDamageAsync(id, cancellationToken) is { } damage)
                {
                    findings.Damage($"{what} is damaged: {damage}", repair);
                }
                else
                {
                    whole.Add(id);
                }
            });
        }
    }

    private async Task<string?> TryFindAsync(BoundImage image, CancellationToken cancellationToken) =>
        BoundImageStorage.IsUsed(facts.Machine.Sysroot)
            ? await BoundImageStorage.Of(programs, facts.Machine.Sysroot).TryFindAsync(image.Name, cancellationToken)
            : null;

    /// <summary>Puts each layer together again, which fails where a file is not what was unpacked.</summary>
    private async Task<string?> FindDamageAsync(string id, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            using ContainersStorage stored = ContainersStorage.Open([BoundImageStorage.PathIn(facts.Machine.Sysroot)], id);
            foreach (ImageLayer layer in (await stored.ResolveAsync(cancellationToken)).Layers)
            {
                await using LayerStream tar = await stored.OpenLayerAsync(layer, cancellationToken);
                while (tar.Read(buffer) > 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            return null;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            return Failure.Describe(e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
