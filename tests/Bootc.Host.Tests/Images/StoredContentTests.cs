using System.Formats.Tar;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Images;
using Bootc.Host.Tests.Images.Import;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;
using Bootc.Oci.Sources;
using Bootc.Testing;

namespace Bootc.Host.Tests.Images;

/// <summary>What a repository has is found by the digests of contents, and not what it only seems to have.</summary>
public sealed class StoredContentTests : IAsyncLifetime
{
    private static readonly string Large = new('x', 1000); // of the skeleton
    private static readonly string Small = "small";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-stored");

    public async Task InitializeAsync()
    {
        TestLayout layout = new(_folder.CreateSubdirectory("layout").FullName);
        layout.AddLayer([.. TestLayout.Skeleton, TestLayout.File("usr/small", Small)]).Finish();
        using OciLayout source = OciLayout.Open(layout.Folder);
        using Repository repository = Open();
        await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default);
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public void Objects_and_what_is_too_small_for_one_are_found_and_nothing_else()
    {
        using Repository repository = Open();
        StoredContent stored = new(repository);

        Find(stored, Large, Small, "other");

        TextOf(stored, Large).Should().Be(Large);
        TextOf(stored, Small).Should().Be(Small);
        stored.Contains(DigestOf("other")).Should().BeFalse();
        stored.TryTake(DigestOf(Small)).Should().BeNull("it is no file");
        LocalContent taken = stored.TryTake(DigestOf(Large))!;
        using Fd file = taken.File;
        Encoding.UTF8.GetString(file.ReadAll(2000)).Should().Be(Large);
        taken.Key.Should().Be(repository.Objects.Ensure(Encoding.UTF8.GetBytes(Large)).ToString());
    }

    [Fact]
    public void A_content_that_was_damaged_is_not_found()
    {
        using (Repository repository = Open())
        {
            File.WriteAllText(Path.Join(_folder.FullName, "repo/objects", repository.Objects.Ensure(Encoding.UTF8.GetBytes(Large)).ObjectPath), new string('y', 1000));
        }

        using Repository damaged = Open();
        StoredContent stored = new(damaged);
        Find(stored, Large);

        stored.Contains(DigestOf(Large)).Should().BeFalse();
    }

    [Fact]
    public async Task A_layer_that_cannot_be_read_has_nothing()
    {
        await LabProgram.RunAsync("sh", ["-c", "for stream in \"$0\"/oci-layer-*; do truncate -s 100 \"$(readlink -f \"$stream\")\"; done", Path.Join(_folder.FullName, "repo/streams")]);

        using Repository repository = Open();
        StoredContent stored = new(repository);
        Find(stored, Small);

        stored.Contains(DigestOf(Small)).Should().BeFalse();
    }

    /// <summary>Or an image would be published that refers to it by a name which is not its digest.</summary>
    [Fact]
    public async Task A_content_that_was_edited_where_it_lies_is_stored_by_the_name_that_it_should_have()
    {
        string edited = new('y', 1000);
        string file;
        using (Repository repository = Open())
        {
            file = Path.Join(_folder.FullName, "repo/objects", repository.Objects.Ensure(Encoding.UTF8.GetBytes(Large)).ObjectPath);
            File.WriteAllText(file, edited);
        }

        using Repository opened = Open();
        StoredContent stored = new(opened);
        Find(stored, edited);
        using TakingLayer layer = new(edited, stored);

        ObjectId id = await Steps.Silent.RunAsync("Importing", null, meter => new LayerStore(opened).AddAsync(layer, meter, default));

        layer.Taken.Should().BeTrue();
        using SplitStreamReader stream = SplitStreamReader.Open(opened.Objects, id);
        ObjectId content = stream.ObjectReferences.Should().ContainSingle().Which;
        content.Should().Be(VerityHasher.Hash(opened.Algorithm, Encoding.UTF8.GetBytes(edited)));
        opened.Objects.IsWhole(content).Should().BeTrue();
        File.ReadAllText(file).Should().Be(edited, "what is there is left to whoever looks for damage");
    }

    private static void Find(StoredContent stored, params string[] contents) =>
        stored.Find(contents.Select(content => (DigestOf(content), (long)content.Length)), default);

    private static Digest DigestOf(string content) => Digest.Sha256(Encoding.UTF8.GetBytes(content));

    private static string TextOf(StoredContent stored, string content)
    {
        using StreamReader reader = new(stored.Read(DigestOf(content)));
        return reader.ReadToEnd();
    }

    private Repository Open()
    {
        using Dir folder = Dir.Open(_folder.FullName);
        return Repository.Ensure(folder, "repo", VerityMode.Optional);
    }

    /// <summary>A layer of one file, the content of which is taken from where it lies.</summary>
    private sealed class TakingLayer : LayerStream
    {
        private readonly ILocalContent _local;
        private readonly Digest _content;
        private readonly MemoryStream _tar;

        public TakingLayer(string content, ILocalContent local)
            : this(TarOf(content), content, local)
        {
        }

        private TakingLayer(MemoryStream tar, string content, ILocalContent local)
            : base(new(Digest.Sha256(tar.ToArray())), Limits.LayerSize)
        {
            (_tar, _content, _local) = (tar, DigestOf(content), local);
        }

        public bool Taken { get; private set; }

        protected override int ReadTar(Span<byte> buffer) => _tar.Read(buffer);

        protected override LocalContent? TakeLocal(long size)
        {
            LocalContent? taken = _local.TryTake(_content);
            Taken = taken is not null;
            _tar.Position += Taken ? size : 0;
            return taken;
        }

        private static MemoryStream TarOf(string content)
        {
            MemoryStream tar = new();
            using (TarWriter writer = new(tar, leaveOpen: true))
            {
                writer.WriteEntry(TestLayout.File("f", content));
            }

            tar.Position = 0;
            return tar;
        }
    }
}
