using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Host.Etc;

/// <summary>What this machine did to a file of its <c>/etc</c>.</summary>
public enum EtcChangeKind
{
    Added,
    Modified,
    Removed,
}

/// <summary>One difference between the <c>/etc</c> that an image came with and the one a machine has.</summary>
/// <param name="Kind">What was done.</param>
/// <param name="Path">Below <c>/etc</c>, in bytes, without leading slash.</param>
/// <param name="Inode">What is there on the machine; null where it was removed.</param>
public sealed record EtcChange(EtcChangeKind Kind, byte[] Path, Inode? Inode)
{
    public override string ToString() => $"{Kind} {Encoding.UTF8.GetString(Path)}";
}

/// <summary>A change that does not fit into the new image's <c>/etc</c>.</summary>
/// <param name="Path">Below <c>/etc</c>; bytes that are not UTF-8 show as U+FFFD.</param>
/// <param name="Reason">What is on either side.</param>
public sealed record EtcConflict(string Path, string Reason)
{
    public override string ToString() => $"/etc/{Path}: {Reason}";
}

/// <summary>
/// What of a machine's own <c>/etc</c> goes into the next deployment's: every difference from the image it was made from, file by
/// file. Where both the machine and the new image changed a file, the machine's is kept; what the machine left alone follows the image.
/// </summary>
/// <param name="Changes">Parents before what they hold.</param>
/// <param name="Conflicts">Where a directory would have to become a file, or the other way round; nothing can be merged unless this is empty.</param>
public sealed record EtcMergePlan(IReadOnlyList<EtcChange> Changes, IReadOnlyList<EtcConflict> Conflicts)
{
    /// <summary>Compares three directories. Times are no difference, and sockets are not looked at.</summary>
    /// <param name="pristine">As the booted image has it.</param>
    /// <param name="current">As the machine has it.</param>
    /// <param name="next">As the new image has it.</param>
    public static EtcMergePlan Decide(Inode.Directory pristine, Inode.Directory current, Inode.Directory next)
    {
        Comparison comparison = new();
        return new(comparison.OfDirectories(pristine, current, next, []), comparison.Conflicts);
    }

    private sealed class Comparison
    {
        public List<EtcConflict> Conflicts { get; } = [];

        public List<EtcChange> OfDirectories(Inode.Directory? pristine, Inode.Directory current, Inode.Directory? next, byte[] path)
        {
            List<EtcChange> changes = [];
            IEnumerable<FileName> names = current.Entries.Select(entry => entry.Name).Concat((pristine?.Entries ?? []).Select(entry => entry.Name));
            foreach (FileName name in names.Distinct().Order())
            {
                byte[] below = path.Length == 0 ? name.Bytes.ToArray() : [.. path, (byte)'/', .. name.Bytes];
                Inode? before = pristine?.Find(name.Bytes);
                Inode? after = next?.Find(name.Bytes);
                switch (current.Find(name.Bytes))
                {
                    case Inode.Socket:
                        break;
                    case null when before is not Inode.Socket:
                        changes.Add(new(EtcChangeKind.Removed, below, null));
                        break;
                    case Inode.Directory directory:
                        AddDirectory(changes, before, directory, after, below);
                        break;
                    case Inode.Leaf leaf:
                        AddLeaf(changes, before, leaf, after, below);
                        break;
                }
            }

            return changes;
        }

        private void AddDirectory(List<EtcChange> changes, Inode? before, Inode.Directory current, Inode? after, byte[] path)
        {
            List<EtcChange> below = OfDirectories(before as Inode.Directory, current, after as Inode.Directory, path);
            EtcChangeKind? kind = before switch
            {
                null => EtcChangeKind.Added,
                Inode.Leaf => EtcChangeKind.Modified,
                _ => SameAttributes(before, current) ? null : EtcChangeKind.Modified,
            };
            if (after is Inode.Leaf && before is not Inode.Leaf && (kind is not null || below.Count > 0))
            {
                Conflicts.Add(new(Encoding.UTF8.GetString(path), "a directory that was changed here is a file in the new image"));
            }

            // What is to be kept needs the directory it is in.
            if (after is not Inode.Directory && below.Exists(change => change.Kind != EtcChangeKind.Removed))
            {
                kind ??= EtcChangeKind.Added;
            }

            if (kind is { } known)
            {
                changes.Add(new(known, path, current));
            }

            changes.AddRange(below);
        }

        private void AddLeaf(List<EtcChange> changes, Inode? before, Inode.Leaf current, Inode? after, byte[] path)
        {
            if (before is Inode.Leaf pristine && SameAttributes(pristine, current) && SameContent(pristine, current))
            {
                return;
            }

            if (after is Inode.Directory)
            {
                Conflicts.Add(new(Encoding.UTF8.GetString(path), "a file that was changed here is a directory in the new image"));
            }

            changes.Add(new(before is null ? EtcChangeKind.Added : EtcChangeKind.Modified, path, current));
        }

        private static bool SameAttributes(Inode one, Inode other) => one.Metadata with { Mtime = default } == other.Metadata with { Mtime = default };

        private static bool SameContent(Inode.Leaf one, Inode.Leaf other) => (one, other) switch
        {
            (Inode.InlineFile a, Inode.InlineFile b) => a.Content.Span.SequenceEqual(b.Content.Span),
            (Inode.ObjectFile a, Inode.ObjectFile b) => a.Id == b.Id && a.Size == b.Size,
            (Inode.Symlink a, Inode.Symlink b) => a.Target.Span.SequenceEqual(b.Target.Span),
            (Inode.Device a, Inode.Device b) => a.Type == b.Type && a.Rdev == b.Rdev,
            (Inode.Fifo, Inode.Fifo) => true,
            _ => false,
        };
    }
}
