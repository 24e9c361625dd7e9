using Bootc.Composefs.Tree;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Etc;

/// <summary>Carries what a machine changed in its <c>/etc</c> over into a fresh copy of another image's.</summary>
public static class EtcMerge
{
    private const int CopyBuffer = 1 << 20;

    /// <summary>Applies a plan. What is removed goes last, so that nothing is missing that something else still needs.</summary>
    /// <param name="plan">Without conflicts.</param>
    /// <param name="current">The machine's own <c>/etc</c>.</param>
    /// <param name="target">A copy of the new image's pristine <c>/etc</c>, which nobody uses yet.</param>
    /// <param name="cancellationToken">Stops between two files; the target is then of no use.</param>
    public static void Apply(EtcMergePlan plan, Dir current, Dir target, CancellationToken cancellationToken)
    {
        if (plan.Conflicts.Count > 0)
        {
            throw new ArgumentException("a plan with conflicts cannot be applied", nameof(plan));
        }

        Dictionary<Inode, byte[]> written = [];
        foreach (EtcChange change in plan.Changes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            switch (change.Inode)
            {
                case Inode.Directory:
                    if (target.TryStatus(change.Path) is not { Kind: FileKind.Directory })
                    {
                        target.TryRemoveFile(change.Path);
                        target.TryMakeDir(change.Path);
                    }

                    CopyAttributes(change.Inode, target, change.Path);
                    break;
                case Inode.Leaf leaf:
                    target.TryRemoveTree(change.Path);
                    if (written.TryGetValue(leaf, out byte[]? first))
                    {
                        target.HardLink(first, change.Path);
                        break;
                    }

                    written.Add(leaf, change.Path);
                    Copy(leaf, current, target, change.Path);
                    break;
            }
        }

        foreach (EtcChange change in plan.Changes.Where(change => change.Kind == EtcChangeKind.Removed))
        {
            target.TryRemoveTree(change.Path);
        }
    }

    private static void Copy(Inode.Leaf leaf, Dir current, Dir target, byte[] path)
    {
        if (leaf is Inode.RegularFile)
        {
            using Fd source = current.OpenFile(path);
            using Fd copy = target.CreateFile(path, InodeOnDisk.ModeWhileFilling);
            if (!copy.TryReflinkFrom(source))
            {
                CopyContent(source, copy);
            }
        }
        else
        {
            InodeOnDisk.Make(leaf, target, path);
        }

        CopyAttributes(leaf, target, path);
        InodeOnDisk.SetModified(leaf, target, path);
    }

    private static void CopyContent(Fd source, Fd target)
    {
        byte[] buffer = new byte[CopyBuffer];
        for (int read; (read = source.Read(buffer)) > 0;)
        {
            target.Write(buffer.AsSpan(0, read));
        }
    }

    private static void CopyAttributes(Inode inode, Dir target, byte[] path)
    {
        foreach ((byte[] name, byte[] _) in target.ReadXattrs(path))
        {
            // A label that the policy gave a file whose source has none stays: the kernel lets nobody take it away.
            if (inode.Metadata.Xattrs.Find(name) is null && !name.AsSpan().SequenceEqual("security.selinux"u8))
            {
                target.RemoveXattr(path, name);
            }
        }

        InodeOnDisk.SetAttributes(inode, target, path);
    }
}
