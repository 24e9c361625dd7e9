using System.Text;
using Bootc.Testing;

namespace Bootc.Initramfs.Tests;

/// <summary>
/// An ext4 disk image that holds what an installed system holds: a composefs repository with one image, made by the C tools, and
/// the state of one deployment. Made without mounting anything.
/// </summary>
public sealed class InstalledDisk : IAsyncLifetime
{
    /// <summary>In the image; too large to be kept inline, so its bytes come from an object.</summary>
    public const string BigFile = "usr/bin/big";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("installed-disk");

    /// <summary>The id of the image, as <c>fsverity digest</c> has computed it.</summary>
    public string Id { get; private set; } = "";

    /// <summary>The id of an object that is no image.</summary>
    public string ObjectId { get; private set; } = "";

    /// <summary>The tree that the image was made of.</summary>
    public string Tree => Path.Join(_folder.FullName, "tree");

    /// <summary>The disk image; never written to by tests, which get copies.</summary>
    public string Image => Path.Join(_folder.FullName, "disk");

    /// <summary>The program under test, as published.</summary>
    public string Program { get; private set; } = "";

    /// <summary>bootc itself, as published.</summary>
    public string Bootc { get; private set; } = "";

    public async Task InitializeAsync()
    {
        Product product = await Product.Instance;
        (Program, Bootc) = (product.RootSetup, product.Bootc);
        DebianTree sid = await Lab.SidTree;
        string disk = Path.Join(_folder.FullName, "content");
        string objects = Path.Join(disk, "composefs", "objects");
        Directory.CreateDirectory(objects);
        MakeTree();

        string image = Path.Join(_folder.FullName, "image");
        await sid.RunAsync("mkcomposefs", [$"--digest-store={objects}", Tree, image]);
        Id = await StoreAsync(sid, objects, image);
        ObjectId = await StoreAsync(sid, objects, Path.Join(Tree, BigFile));
        string images = Path.Join(disk, "composefs", "images");
        Directory.CreateDirectory(images);
        File.CreateSymbolicLink(Path.Join(images, Id), $"../objects/{Id[..2]}/{Id[2..]}");
        // A valid object under the name of another image.
        File.CreateSymbolicLink(Path.Join(images, OtherId), $"../objects/{Id[..2]}/{Id[2..]}");
        File.CreateSymbolicLink(Path.Join(images, LostId), $"../objects/{LostId[..2]}/{LostId[2..]}");

        foreach (string id in (string[])[Id, OtherId, LostId, UnnamedId, ObjectId])
        {
            string deployment = Path.Join(disk, "state", "deploy", id);
            Directory.CreateDirectory(Path.Join(deployment, "etc"));
            File.WriteAllText(Path.Join(deployment, "etc", "hostname"), "of the deployment\n");
            File.CreateSymbolicLink(Path.Join(deployment, "var"), "../../os/default/var");
        }

        Directory.CreateDirectory(Path.Join(disk, "state", "os", "default", "var"));
        await LabProgram.RunAsync("truncate", ["--size=32M", Image]);
        await LabProgram.RunAsync("mkfs.ext4", ["-q", "-O", "verity", "-d", disk, Image]);
    }

    /// <summary>Under this name <c>images/</c> leads to another image.</summary>
    public static string OtherId { get; } = new('b', 128);

    /// <summary>Under this name <c>images/</c> leads to an object that is missing.</summary>
    public static string LostId { get; } = new('c', 128);

    /// <summary>Under this name <c>images/</c> has nothing.</summary>
    public static string UnnamedId { get; } = new('d', 128);

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Runs a script as root in a mount namespace of its own with an empty <c>/run</c>, a copy of the disk mounted at <c>sysroot</c>
    /// in the working directory, and <c>/dev/kmsg</c> replaced by the file <c>kmsg</c>. <c>$setup</c> is the program,
    /// <c>$bootc</c> bootc, <c>$id</c> the image.
    /// </summary>
    public async Task<ProgramOutput> RunAsync(string script, string propagation = "private")
    {
        DirectoryInfo work = _folder.CreateSubdirectory(Guid.NewGuid().ToString("N"));
        StringBuilder text = new();
        text.AppendLine($"mount --make-r{propagation} /");
        text.AppendLine($"setup={Program} bootc={Bootc} id={Id} image_tree={Tree} disk={Image}; cd {work.FullName}");
        text.AppendLine("mount -t tmpfs none /run; mkdir sysroot target; touch kmsg; mount --bind kmsg /dev/kmsg");
        text.AppendLine("cp --sparse=always $disk disk; mount -o loop disk sysroot");
        text.AppendLine(script);
        return await LabProgram.TryRunAsync("unshare", ["--mount", "--propagation=private", "sh", "-euc", text.ToString()]);
    }

    private void MakeTree()
    {
        foreach (string name in (string[])["etc", "usr/bin", "usr/lib", "var", "sysroot", "run", "proc", "dev"])
        {
            Directory.CreateDirectory(Path.Join(Tree, name));
        }

        File.WriteAllText(Path.Join(Tree, "etc", "hostname"), "of the image\n");
        File.WriteAllText(Path.Join(Tree, "usr", "lib", "os-release"), "ID=test\n");
        byte[] big = new byte[100_000];
        new Random(1).NextBytes(big);
        File.WriteAllBytes(Path.Join(Tree, BigFile), big);
        File.CreateSymbolicLink(Path.Join(Tree, "sbin"), "usr/bin");
        File.CreateSymbolicLink(Path.Join(Tree, "usr", "bin", "init"), Path.GetFileName(BigFile));
    }

    private static async Task<string> StoreAsync(DebianTree sid, string objects, string file)
    {
        string id = (await sid.RunAsync("fsverity", ["digest", "--compact", "--hash-alg=sha512", file])).Trim();
        Directory.CreateDirectory(Path.Join(objects, id[..2]));
        File.Copy(file, Path.Join(objects, id[..2], id[2..]));
        return id;
    }
}
