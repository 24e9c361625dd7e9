using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Host.Images;

/// <summary>
/// What the boot image of a mounted container image will be called, without importing it (specification §6.6): the id that an
/// import of the same files gets, for signing it into a kernel command line at build time.
/// </summary>
public static class TreeDigest
{
    private const string PolicyFolder = "/etc/selinux";

    /// <summary>Reads a directory as the root of an image and returns the id of its boot image.</summary>
    /// <param name="path">The root of the image; not that of this machine.</param>
    /// <param name="dumpfile">Where to write the tree that was hashed, for finding differences; null for nowhere.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static ObjectId Compute(string path, string? dumpfile, CancellationToken cancellationToken)
    {
        using Dir directory = Dir.Open(path);
        using Dir root = Dir.Open("/");
        if (directory.Status(".") is var a && root.Status(".") is var b && (a.DeviceMajor, a.DeviceMinor, a.Inode) == (b.DeviceMajor, b.DeviceMinor, b.Inode))
        {
            throw new BootcException($"{path} is the running system, not an image; mount the image somewhere else, such as /target");
        }

        FileTree tree = DirectoryScanner.Scan(directory, VerityAlgorithm.Sha512, cancellationToken);
        Dictionary<ObjectId, byte[]> policy = PathsOfPolicy(tree);
        ImageFiles files = new(tree, id => directory.TryOpenBeneath(policy[id])
            ?? throw new IOException($"{path}{Encoding.UTF8.GetString(policy[id])} vanished while it was read"));
        OciTransform.Apply(tree);
        BootTransform.Apply(files);
        if (dumpfile is not null)
        {
            string file = Path.GetFullPath(dumpfile);
            using Dir folder = Dir.Open(Path.GetDirectoryName(file) ?? throw new BootcException($"{dumpfile} is not a file that can be written"));
            folder.WriteAtomically(Path.GetFileName(file), Dumpfile.ToText(tree));
        }

        return ErofsWriter.Write(tree, ErofsVersion.V1, VerityAlgorithm.Sha512, Stream.Null).Id;
    }

    /// <summary>Of files that are known by digest only, those that labelling has to read; relative to the root.</summary>
    private static Dictionary<ObjectId, byte[]> PathsOfPolicy(FileTree tree)
    {
        Dictionary<ObjectId, byte[]> paths = [];
        if (tree.FindDirectory(PolicyFolder) is { } folder)
        {
            foreach (TreeEntry entry in new FileTree(folder).Walk())
            {
                if (entry.Inode is Inode.ObjectFile { Id: var id })
                {
                    paths[id] = [.. Encoding.UTF8.GetBytes(PolicyFolder[1..]), .. entry.Path.Span];
                }
            }
        }

        return paths;
    }
}
