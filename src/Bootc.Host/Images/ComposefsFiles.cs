using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Linux;

namespace Bootc.Host.Images;

/// <summary>Composefs images and dumpfiles as files of this machine, outside of any repository.</summary>
public static class ComposefsFiles
{
    /// <summary>Makes an image of a dumpfile. The output appears complete or not at all.</summary>
    /// <param name="dumpfile">The path of the dumpfile.</param>
    /// <param name="algorithm">The hash of the digest that is returned; the image does not depend on it.</param>
    public static ErofsImage MakeImage(string dumpfile, string output, ErofsVersion version, VerityAlgorithm algorithm)
    {
        using Stream input = Fd.OpenRead(dumpfile).IntoStream(FileAccess.Read);
        return MakeImage(input, output, version, algorithm);
    }

    /// <summary>As the other overload, of a dumpfile that comes from a stream.</summary>
    public static ErofsImage MakeImage(Stream dumpfile, string output, ErofsVersion version, VerityAlgorithm algorithm)
    {
        FileTree tree = Dumpfile.Read(dumpfile);
        string path = Path.GetFullPath(output);
        using Dir folder = Dir.Open(Path.GetDirectoryName(path) ?? throw new BootcException($"{output} is not a file that can be written"));
        ErofsImage? image = null;
        folder.WriteAtomically(Path.GetFileName(path), file => image = ErofsWriter.Write(tree, version, algorithm, file));
        return image!;
    }

    /// <summary>Reads the tree out of an image file of any version.</summary>
    public static FileTree ReadImage(string path)
    {
        using Fd file = Fd.OpenRead(path);
        long size = file.Status().Size;
        if (size > ErofsReader.MaxImageSize)
        {
            throw new BootcException($"{path} has {size} bytes, more than the {ErofsReader.MaxImageSize} of the largest image");
        }

        byte[] image = new byte[size];
        int length = file.ReadAt(image, 0);
        try
        {
            return ErofsReader.Read(image.AsMemory(0, length));
        }
        catch (InvalidDataException e)
        {
            throw new BootcException($"{path} is not a sound composefs image", e);
        }
    }

    /// <summary>The fs-verity digest of a file's content, computed here whether or not the file system has one.</summary>
    public static ObjectId Digest(string path, VerityAlgorithm algorithm)
    {
        using Stream file = Fd.OpenRead(path).IntoStream(FileAccess.Read);
        return VerityHasher.Hash(algorithm, file);
    }
}
