using System.Collections.Immutable;
using Bootc.Host.Images;

namespace Bootc.Host.Operations;

/// <summary>
/// Brings the images that a new deployment binds to a machine. Podman does not wait until they are on the disk: a power cut may leave one
/// that podman has and whose files are empty, so what is being brought is recorded, and brought anew after such an end.
/// </summary>
/// <param name="machine">The machine, opened for writing.</param>
/// <param name="programs">Runs podman.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class BoundImagePull(Machine machine, Programs programs, Steps steps)
{
    /// <summary>Pulls those that are missing; returns when all of them are on the disk.</summary>
    public async Task RunAsync(ImmutableArray<BoundImage> images, CancellationToken cancellationToken)
    {
        if (images.IsEmpty)
        {
            return;
        }

        BoundImageStorage storage = BoundImageStorage.Of(programs, machine.Sysroot);
        await RemoveUnfinishedAsync(storage, cancellationToken);
        foreach (BoundImage image in images)
        {
            if (await storage.ContainsAsync(image.Name, cancellationToken))
            {
                continue;
            }

            await RecordAsync(image.Name, () => storage.PullAsync(image, steps, cancellationToken));
        }
    }

    /// <summary>Copies an image out of the storage that podman uses by default, also where one of its name is there.</summary>
    public async Task CopyFromDefaultStorageAsync(string name, CancellationToken cancellationToken)
    {
        BoundImageStorage storage = BoundImageStorage.Of(programs, machine.Sysroot);
        await RemoveUnfinishedAsync(storage, cancellationToken);
        await RecordAsync(name, () => steps.RunAsync($"Copying {name}", () => storage.CopyAsync(name, cancellationToken)));
    }

    private async Task RecordAsync(string name, Func<Task> bring)
    {
        machine.Records.BoundPull = new(name);
        try
        {
            await bring();
        }
        finally
        {
            // The power is there: what podman has of it is whole, and has a name only if all of it came.
            machine.Sysroot.SyncFilesystem();
            machine.Records.BoundPull = null;
        }
    }

    private async Task RemoveUnfinishedAsync(BoundImageStorage storage, CancellationToken cancellationToken)
    {
        if (machine.Records.BoundPull is { } unfinished)
        {
            if (await storage.TryFindAsync(unfinished.Image, cancellationToken) is { } id)
            {
                await storage.RemoveAsync([id], cancellationToken);
            }

            machine.Records.BoundPull = null;
        }
    }
}
