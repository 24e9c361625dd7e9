using Bootc.Testing;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>An image with all that layers can hold, built by podman, and what podman shows of it. Kept in the cache of the lab.</summary>
internal sealed class PodmanImage
{
    // setfattr and setcap are not in the base: perl calls setxattr(2) by its number on x86-64.
    private const string Containerfile =
        """
        RUN mkdir -p /sysroot /opt/a/deep /opt/b /opt/opaque/old /opt/dir /opt/gone && cd /opt && \
            echo file > a/file && ln a/file b/link && ln a/file a/deep/link && touch -d '2001-02-03 04:05:06.123456789' a/file && \
            head -c 64 /dev/zero > a/inline && head -c 65 /dev/zero > a/object && : > a/empty && head -c 70000 /dev/urandom > a/large && \
            truncate -s 3M a/sparse && cp a/large b/same && \
            ln -s ../a/file b/relative && ln -s /opt/none b/broken && ln -s "$(printf '%0300d' 0)" b/long && \
            touch -h -d '1999-12-31 23:59:59.5' b/relative && \
            touch "$(printf 'caf\351')" "$(printf 'new\nline')" 'back\slash' "$(printf '%0255d' 0)" && \
            mkdir -p "$(printf '%0120d' 1)/$(printf '%0120d' 2)/$(printf '%0120d' 3)" && touch "$(printf '%0120d' 1)/$(printf '%0120d' 2)/$(printf '%0120d' 3)/end" && \
            mkfifo a/fifo && mknod a/null c 1 3 && mknod a/disk b 259 70000 && \
            cp /bin/true a/setuid && chown 70000:3000000000 a/setuid && chmod 6755 a/setuid && chmod 1777 b && chmod 0 a/empty && \
            perl -e 'sub set { my ($file, $name, $value) = @_; syscall(188, $file, $name, $value, length $value, 0) == 0 or die "$file: $!" } \
              set("a/large", "security.capability", pack("H*", "0100000200200000000000000000000000000000")); \
              set("a/object", "security.capability", pack("H*", "0000000280ff00000000fe000000000000000000")); \
              set("a/file", "user.note", "hello"); set("a", "user.note", "")' && \
            echo x > opaque/old/x && echo x > opaque/x && echo 1 > gone/1 && echo f > dir/f && echo 2 > two && echo 3 > three && touch -d @0 dir && \
            touch -d '2030-01-01 00:00:00.000000001' /usr
        RUN cd /opt && rm -r opaque && mkdir opaque && echo new > opaque/new && rm -r gone && rm -r dir && echo file > dir && \
            rm two && mkdir two && echo in > two/in && chmod 700 a/deep && echo more >> three && ln three b/three
        RUN cd /opt && rm a/deep/link && mv a/large b/moved && echo again > gone && rm -r two && mkdir two && touch -d @1.5 two
        LABEL containers.bootc=1
        """;

    private static readonly Lazy<Task<PodmanImage>> Built = new(BuildAsync);

    private readonly string _folder;

    private PodmanImage(string folder, string name)
    {
        _folder = folder;
        Name = name;
    }

    public static Task<PodmanImage> Instance => Built.Value;

    /// <summary>Its name in the lab's container storage.</summary>
    public string Name { get; }

    /// <summary>An OCI layout with layers compressed by gzip.</summary>
    public string Gzip => Path.Join(_folder, "gzip");

    /// <summary>An OCI layout with layers compressed by zstd.</summary>
    public string Zstd => Path.Join(_folder, "zstd");

    /// <summary>A copy of what podman mounts, made by cp, to which the OCI transform was applied by hand.</summary>
    public string TransformedTree => Path.Join(_folder, "tree");

    /// <summary>What the image looks like where podman mounts it.</summary>
    public TreeListing Listing => TreeListing.Parse(File.ReadAllBytes(Path.Join(_folder, "listing")));

    private static async Task<PodmanImage> BuildAsync()
    {
        Podman podman = await Podman.Instance;
        string recipe = $"FROM {await LabImages.DebianBase}\n{Containerfile}";
        string name = await LabImages.BuildAsync("import", recipe, "--cap-add=all");
        string folder = await LabCache.OfMachine.EnsureAsync("import", $"{name}\n{TreeListing.Script}\n{ShowScript}", async folder =>
        {
            await podman.RunAsync(["push", "--quiet", name, $"oci:{folder}/gzip:latest"]);
            await podman.RunAsync(["push", "--quiet", "--compression-format=zstd", name, $"oci:{folder}/zstd:latest"]);
            await LabProgram.RunAsync(podman.Beside("sh", "-ec", ShowScript, "show", name, folder, TreeListing.Script));
        });
        return new(folder, name);
    }

    // $1 image, $2 folder, $3 the script that lists a tree.
    private const string ShowScript =
        """
        mounted=$(podman image mount "$1")
        sh -ec "$3" list "$mounted" > "$2/listing"
        cp -a "$mounted" "$2/tree"
        podman image unmount "$1" > /dev/null
        cd "$2/tree"
        rm -rf run/* run/.[!.]*
        find . -exec getfattr --no-dereference --dump --match=- --encoding=hex {} + | while read -r line; do
          case "$line" in
            "# file: "*) file=${line#"# file: "} ;;
            security.capability=*) ;;
            *=*) setfattr -h -x "${line%%=*}" "$file" || : ;; # a hard link comes twice
          esac
        done
        chmod --reference=usr . && chown --reference=usr . && touch --reference=usr . run
        """;
}
