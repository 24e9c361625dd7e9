namespace Bootc.Linux.Mounts;

/// <summary>
/// An overlay file system to be mounted (overlayfs.rst). How layers can be named differs between kernels, so
/// mounting tries the ways from the newest to the oldest.
/// </summary>
public sealed record Overlay
{
    /// <summary>Permissions of <see cref="Work"/>, where nobody but the kernel has business.</summary>
    public const uint WorkMode = 0x1C0;

    /// <summary>How layers are named to the kernel.</summary>
    internal enum Layering
    {
        /// <summary><c>lowerdir+</c> and <c>datadir+</c> take descriptors: Linux 6.13; of detached mounts: 6.15.</summary>
        Descriptors,

        /// <summary><c>lowerdir+</c> and <c>datadir+</c> take paths, of attached mounts only: Linux 6.7.</summary>
        Paths,

        /// <summary>One <c>lowerdir=A::B</c>: Linux 6.5.</summary>
        List,
    }

    /// <summary>What mountinfo shows as the source.</summary>
    public required string Source { get; init; }

    /// <summary>The layer that is seen.</summary>
    public required Dir Lower { get; init; }

    /// <summary>Where <see cref="Lower"/> finds the content of files that it only describes.</summary>
    public Dir? DataOnlyLower { get; init; }

    /// <summary>Whether the content must have the fs-verity digest that <see cref="Lower"/> records; Linux 6.6.</summary>
    public bool RequireVerity { get; init; }

    /// <summary>Where changes go, with an empty <see cref="Work"/> beside it; without them the overlay is read-only.</summary>
    public Dir? Upper { get; init; }

    public Dir? Work { get; init; }

    /// <summary>Mounts an overlay, attached nowhere, whose changes are kept in memory.</summary>
    /// <param name="source">What mountinfo shows as the source.</param>
    /// <param name="lower">What it lies over.</param>
    /// <param name="flags">Attributes of the mount.</param>
    public static DetachedMount MountInMemory(string source, Dir lower, MountFlags flags)
    {
        using FilesystemContext context = FilesystemContext.Open("tmpfs");
        using DetachedMount memory = context.Set("source", source).Set("mode", "0755").Mount();
        using Dir state = memory.OpenRoot();
        using Dir upper = state.EnsureDir("upper");
        using Dir work = state.EnsureDir("work", WorkMode);
        return new Overlay { Source = source, Lower = lower, Upper = upper, Work = work }.Mount(flags, memory);
    }

    /// <summary>Mounts the overlay attached nowhere.</summary>
    /// <param name="flags">Attributes of the mount.</param>
    /// <param name="detached">
    /// The mounts among the layers that are attached nowhere. Before Linux 6.15 they cannot be layers as they are; they are then
    /// attached for a moment, and may not be used any more after that.
    /// </param>
    public DetachedMount Mount(MountFlags flags, params ReadOnlySpan<DetachedMount> detached) =>
        Mount([Layering.Descriptors, Layering.Paths, Layering.List], flags, detached);

    internal DetachedMount Mount(ReadOnlySpan<Layering> ways, MountFlags flags, ReadOnlySpan<DetachedMount> detached)
    {
        Stack<TemporaryMountPoint> attached = new();
        try
        {
            for (int i = 0; ; i++)
            {
                if (ways[i] != Layering.Descriptors && attached.Count == 0)
                {
                    foreach (DetachedMount mount in detached)
                    {
                        attached.Push(TemporaryMountPoint.Attach(mount));
                    }
                }

                try
                {
                    return Configure(ways[i], flags);
                }
                catch (MountException e) when (e.Errno == Errno.EINVAL && i < ways.Length - 1)
                {
                    // The kernel is older than this way; if something else is wrong, the last way will say so.
                }
            }
        }
        finally
        {
            while (attached.TryPop(out TemporaryMountPoint? point))
            {
                point.Dispose();
            }
        }
    }

    private DetachedMount Configure(Layering layering, MountFlags flags)
    {
        using FilesystemContext context = FilesystemContext.Open("overlay");
        context.Set("source", Source);
        if (DataOnlyLower is not null)
        {
            context.Set("metacopy", "on").Set("redirect_dir", "on");
        }

        if (RequireVerity)
        {
            context.Set("verity", "require");
        }

        if (layering == Layering.List)
        {
            context.Set("lowerdir", DataOnlyLower is null ? Lower.Fd.ProcPath : $"{Lower.Fd.ProcPath}::{DataOnlyLower.Fd.ProcPath}");
        }

        foreach ((string key, Dir? layer) in Layers(layering))
        {
            if (layer is not null)
            {
                _ = layering == Layering.Descriptors ? context.Set(key, layer.Fd) : context.Set(key, layer.Fd.ProcPath);
            }
        }

        return context.Mount(flags);
    }

    private IEnumerable<(string Key, Dir? Layer)> Layers(Layering layering)
    {
        if (layering != Layering.List)
        {
            yield return ("lowerdir+", Lower);
            yield return ("datadir+", DataOnlyLower);
        }

        yield return ("upperdir", Upper);
        yield return ("workdir", Work);
    }
}
