using Bootc.Composefs.Tree;
using Bootc.Host.Images.Selinux;

namespace Bootc.Host.Images;

/// <summary>
/// Makes the root file system of a machine out of an image's tree (specification §6.4): <c>/boot</c> and <c>/sysroot</c> become
/// empty mount points, and files get the labels of the image's SELinux policy.
/// </summary>
public static class BootTransform
{
    /// <summary>Changes a tree that <see cref="OciTransform"/> was applied to; returns what <c>/boot</c> held and more to boot from.</summary>
    public static BootFiles Apply(ImageFiles image)
    {
        FileTree tree = image.Tree;
        BootFiles found = BootFiles.Find(tree);
        long seconds = tree.Root.Metadata.Mtime.Seconds; // since OciTransform that of /usr
        foreach (string path in (string[])["/boot", "/sysroot"])
        {
            Inode.Directory directory = tree.FindDirectory(path) ?? throw new FormatException($"the image has no directory {path}");
            directory.Clear();

            // The nanoseconds stay as they were: existing images count on it.
            directory.Metadata = directory.Metadata with { Mtime = directory.Metadata.Mtime with { Seconds = seconds } };
        }

        SelinuxLabels.Apply(image);
        return found;
    }
}
