using System.Buffers.Binary;
using System.Security.Cryptography;
using Bootc.Linux;

namespace Bootc.Composefs;

/// <summary>
/// Computes fs-verity digests in user space, as the kernel would for 4096-byte blocks and no salt
/// (Documentation/filesystems/fsverity.rst, "Merkle tree" and "fs-verity descriptor").
/// </summary>
/// <remarks>Data may come in pieces of any size; what is kept is one block for each level of the hash tree.</remarks>
public sealed class VerityHasher(VerityAlgorithm algorithm)
{
    /// <summary>Bytes of a block of data and of a block of the hash tree.</summary>
    public const int BlockSize = 4096;

    private const int DescriptorSize = 256;
    private const int RootHashOffset = 16;
    private const int ReadSize = 1 << 18;
    private const int BlocksAtOnce = 16;

    private readonly int _hashSize = algorithm == VerityAlgorithm.Sha256 ? SHA256.HashSizeInBytes : SHA512.HashSizeInBytes;
    private readonly byte[] _block = new byte[BlockSize];
    private readonly List<Level> _levels = [];
    private int _blockLength;
    private long _length;

    /// <summary>The digest of data that is in memory.</summary>
    public static ObjectId Hash(VerityAlgorithm algorithm, ReadOnlySpan<byte> data)
    {
        VerityHasher hasher = new(algorithm);
        hasher.Append(data);
        return hasher.Finish();
    }

    /// <summary>The digest of the rest of a stream.</summary>
    public static ObjectId Hash(VerityAlgorithm algorithm, Stream data)
    {
        VerityHasher hasher = new(algorithm);
        byte[] buffer = new byte[ReadSize];
        for (int read; (read = data.Read(buffer)) > 0;)
        {
            hasher.Append(buffer.AsSpan(0, read));
        }

        return hasher.Finish();
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        _length += data.Length;
        if (_blockLength > 0)
        {
            int taken = Math.Min(data.Length, BlockSize - _blockLength);
            data[..taken].CopyTo(_block.AsSpan(_blockLength));
            _blockLength += taken;
            data = data[taken..];
            if (_blockLength < BlockSize)
            {
                return;
            }

            AddBlock(_block, level: 0);
            _blockLength = 0;
        }

        while (data.Length >= BlockSize)
        {
            data = data[(AddBlocks(data) * BlockSize)..];
        }

        data.CopyTo(_block);
        _blockLength = data.Length;
    }

    /// <summary>The digest of all that was appended. The hasher is of no use afterwards.</summary>
    public ObjectId Finish()
    {
        if (_blockLength > 0)
        {
            _block.AsSpan(_blockLength).Clear();
            AddBlock(_block, level: 0);
        }

        Span<byte> descriptor = stackalloc byte[DescriptorSize];
        WriteDescriptor(descriptor);
        Span<byte> digest = stackalloc byte[SHA512.HashSizeInBytes];
        digest = digest[.._hashSize];
        Digest(descriptor, digest);
        return ObjectId.FromDigest(digest);
    }

    /// <summary><c>struct fsverity_descriptor</c> of linux/fsverity.h, without signature.</summary>
    private void WriteDescriptor(Span<byte> descriptor)
    {
        descriptor.Clear();
        descriptor[0] = 1; // version
        descriptor[1] = (byte)algorithm;
        descriptor[2] = 12; // log_blocksize
        BinaryPrimitives.WriteInt64LittleEndian(descriptor[8..], _length);
        RootHash(descriptor.Slice(RootHashOffset, _hashSize));
    }

    /// <summary>Closes the levels from the bottom up. Of an empty file the root hash is zero.</summary>
    private void RootHash(Span<byte> root)
    {
        for (int i = 0; i < _levels.Count; i++)
        {
            Level level = _levels[i];
            bool isTop = i == _levels.Count - 1;
            if (isTop && level.Length == _hashSize)
            {
                level.Block.AsSpan(0, _hashSize).CopyTo(root);
                return;
            }

            level.Block.AsSpan(level.Length).Clear();
            AddBlock(level.Block, i + 1);
        }
    }

    /// <summary>Appends the hashes of the first blocks of data, of as many as are hashed at once: of one at least.</summary>
    private int AddBlocks(ReadOnlySpan<byte> data)
    {
        Span<byte> digests = stackalloc byte[BlocksAtOnce * SHA512.HashSizeInBytes];
        int count = algorithm == VerityAlgorithm.Sha512 ? Sha512Library.Hash(data, digests) : 0;
        if (count == 0)
        {
            AddBlock(data[..BlockSize], level: 0);
            return 1;
        }

        for (int i = 0; i < count; i++)
        {
            digests.Slice(i * _hashSize, _hashSize).CopyTo(Next(level: 0));
        }

        return count;
    }

    private void AddBlock(ReadOnlySpan<byte> block, int level) => Digest(block, Next(level));

    /// <summary>
    /// Where the next hash of a level goes. A full level moves up only when one more hash comes: until then it may be the top.
    /// </summary>
    private Span<byte> Next(int level)
    {
        if (level == _levels.Count)
        {
            _levels.Add(new Level());
        }

        Level target = _levels[level];
        if (target.Length == BlockSize)
        {
            AddBlock(target.Block, level + 1);
            target.Length = 0;
        }

        target.Length += _hashSize;
        return target.Block.AsSpan(target.Length - _hashSize, _hashSize);
    }

    private void Digest(ReadOnlySpan<byte> data, Span<byte> destination)
    {
        if (algorithm == VerityAlgorithm.Sha256)
        {
            SHA256.HashData(data, destination);
        }
        else
        {
            SHA512.HashData(data, destination);
        }
    }

    private sealed class Level
    {
        public byte[] Block { get; } = new byte[BlockSize];

        public int Length { get; set; }
    }
}
