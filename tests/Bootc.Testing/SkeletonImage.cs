namespace Bootc.Testing;

/// <summary>
/// A small image that can be installed but never boots: bootc with the programs of <c>images/debian</c>, and a kernel and an initrd that
/// are none. All of it belongs to root, so that a user without other ids can unpack it too.
/// </summary>
public static class SkeletonImage
{
    // $1 where to, $2 Debian, $3 the product.
    private const string Pack =
        """
        mkdir "$1/root"
        tar -C "$2" --exclude=./usr/lib/modules --exclude=./usr/share --exclude='./boot/*' --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
          --exclude='./run/*' --exclude=./var/cache --exclude=./var/lib -cf - . | tar -C "$1/root" -xpf -
        cp -a "$3/." "$1/root"
        kernel="$1/root/usr/lib/modules/0-none"
        mkdir -p "$kernel" "$1/root/sysroot"
        echo kernel > "$kernel/vmlinuz"
        echo initrd > "$kernel/initramfs.img"
        tar -C "$1/root" --sort=name --owner=0 --group=0 --numeric-owner -cf "$1/image.tar" .
        rm -r "$1/root"
        """;

    private static readonly Lazy<Task<string>> Packed = new(PackAsync);

    private static readonly Lazy<Task<string>> Imported = new(ImportAsync);

    /// <summary>Its only layer, a tar file: <c>podman import</c> makes an image of it.</summary>
    public static Task<string> Tar => Packed.Value;

    /// <summary>Its name in the lab's storage.</summary>
    public static Task<string> Instance => Imported.Value;

    private static async Task<string> PackAsync()
    {
        DebianTree tree = await Lab.DebianBase;
        Product product = await Product.Instance;
        string part = await LabCache.OfCheckout.EnsureAsync(
            "skeleton",
            string.Join('\n', [tree.Root, product.Key, Pack]),
            folder => LabProgram.RunAsync("sh", ["-ec", Pack, "pack", folder, tree.Root, product.Root]));
        return Path.Join(part, "image.tar");
    }

    private static async Task<string> ImportAsync()
    {
        string tar = await Tar;
        Podman podman = await Podman.Instance;
        string image = $"localhost/bootc-lab/skeleton:{LabCache.KeyOf(tar)}";
        return await podman.EnsureImageAsync(image, () => podman.RunAsync(["import", "--quiet", "--change", "LABEL containers.bootc=1", tar, image]));
    }
}
