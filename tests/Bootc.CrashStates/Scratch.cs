using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>
/// Where disks are put together: an xfs of its own, on which a copy of a disk costs next to nothing. It is mounted nowhere and its
/// file has no name, so that a killed process leaves nothing.
/// </summary>
public sealed class Scratch : IDisposable
{
    private const long Size = 24L << 30;

    private readonly MountedImage _image;

    private Scratch(MountedImage image) => _image = image;

    /// <summary>The folder, for programs too.</summary>
    public string Path => _image.Path;

    public static async Task<Scratch> CreateAsync(string folder)
    {
        string file = System.IO.Path.Join(folder, $"scratch-{Guid.NewGuid():N}");
        LabInstall.NewDisk(folder, System.IO.Path.GetFileName(file), Size);
        try
        {
            await LabProgram.RunAsync("mkfs.xfs", ["-q", "-m", "reflink=1", file]);
            return new(MountedImage.Mount(file, "xfs"));
        }
        finally
        {
            // The device keeps what is in it.
            File.Delete(file);
        }
    }

    /// <summary>A path of the folder.</summary>
    public string this[string name] => System.IO.Path.Join(Path, name);

    /// <summary>Makes a file that shares its blocks with another.</summary>
    public void Clone(string from, string to)
    {
        using Dir folder = Dir.Open(Path);
        using Fd source = folder.OpenFile(from);
        using Fd copy = folder.CreateFile(to);
        if (!copy.TryReflinkFrom(source))
        {
            throw new IOException($"{Path} cannot share blocks");
        }
    }

    public void Dispose() => _image.Dispose();
}
