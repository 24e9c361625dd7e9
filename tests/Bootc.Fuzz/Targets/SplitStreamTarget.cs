using System.Buffers.Binary;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Linux;
using ZstdSharp;

namespace Bootc.Fuzz.Targets;

/// <summary>
/// A splitstream as it lies in a repository, whose digest is right whatever is in it. Inputs without the magic are what is
/// compressed in one: the length of the named references and the size that the stream states, 8 bytes each, then the named
/// references, then the chunks.
/// </summary>
internal sealed class SplitStreamTarget : FuzzTarget
{
    private const int OldMagicOffset = 18;
    private const int HeadSize = 2 * sizeof(long);

    /// <summary>The one object there is for streams to refer to.</summary>
    private static readonly byte[] Content = [.. Enumerable.Repeat((byte)'x', 100)];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-fuzz-repository-");
    private readonly Dir _parent;
    private readonly Repository _repository;
    private readonly ObjectId _content;

    public SplitStreamTarget()
    {
        _parent = Dir.Open(_folder.FullName);
        _repository = Repository.Ensure(_parent, "composefs", VerityMode.Optional, VerityAlgorithm.Sha512);
        _content = _repository.Objects.Ensure(Content);
    }

    public override string Name => "splitstream";

    public override IReadOnlyList<Type> Refusals => [typeof(InvalidDataException)];

    public override int Block => 8;

    public override IReadOnlyList<byte[]> Words { get; } =
        [[.. "SplitStream"u8], [.. "ocilayer"u8], [0x28, 0xB5, 0x2F, 0xFD], [.. "0:config\0"u8], [.. "1:a\0"u8], [.. new byte[8]], [1, 0, 0, 0, 0, 0, 0, 0]];

    public override void Read(byte[] input)
    {
        bool isWhole = input.AsSpan().StartsWith("SplitStream"u8) || (input.Length > OldMagicOffset && input.AsSpan(OldMagicOffset).StartsWith("SplitStream"u8));
        if (isWhole || input.Length >= HeadSize)
        {
            ReadStream(isWhole ? input : Compose(input));
        }
    }

    public override void Dispose()
    {
        _repository.Dispose();
        _parent.Dispose();
        _folder.Delete(recursive: true);
        base.Dispose();
    }

    private void ReadStream(byte[] file)
    {
        ObjectId id = _repository.Objects.Ensure(file);
        try
        {
            using SplitStreamReader stream = SplitStreamReader.Open(_repository.Objects, id);
            Require(stream.NamedReferences.Values.All(stream.StreamReferences.Contains), "a name stands for nothing");
            long length = 0;
            while (!stream.IsAtEnd && length < MaxOutput)
            {
                long before = length;
                length += stream.TryTakeObject(out _, out long size) ? size : Drain(stream.Inline).Length;
                Require(length > before, "the stream stands still");
                Require(stream.Position == length && length <= stream.Size, "the position is not what was read");
            }

            Require(length >= MaxOutput || length == stream.Size, "the stream ends somewhere else than it states");
        }
        finally
        {
            if (!id.Equals(_content))
            {
                File.Delete(Path.Join(_repository.Path, "objects", id.ObjectPath));
            }
        }
    }

    private byte[] Compose(byte[] input)
    {
        int names = (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(input), (ulong)(input.Length - HeadSize));
        using Compressor zstd = new(1);
        byte[] compressedNames = zstd.Wrap(input.AsSpan(HeadSize, names)).ToArray();
        byte[] compressedChunks = zstd.Wrap(input.AsSpan(HeadSize + names)).ToArray();
        byte[] references = _content.Digest.ToArray();

        long at = SplitStreamFormat.HeaderSize + SplitStreamFormat.InfoSize;
        SplitStreamFormat format = new(
            _repository.Algorithm,
            StreamReferences: Next(references.Length),
            ObjectReferences: Next(references.Length),
            NamedReferences: Next(compressedNames.Length),
            Stream: Next(compressedChunks.Length),
            ContentType: "ocilayer",
            StreamSize: BinaryPrimitives.ReadInt64LittleEndian(input.AsSpan(sizeof(long))));
        return [.. format.ToBytes(), .. references, .. references, .. compressedNames, .. compressedChunks];

        ByteRange Next(int length)
        {
            ByteRange range = new(at, at + length);
            at = range.End;
            return range;
        }
    }
}
