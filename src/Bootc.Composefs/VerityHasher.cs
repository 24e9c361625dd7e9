using System.Buffers;
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

    /// <summary>Bytes that a content may have whose digest is computed together with those of others: its hash tree is one block.</summary>
    public const int MaxTogether = 64 * BlockSize;

    private const int DescriptorSize = 256;
    private const int RootHashOffset = 16;
    private const int ReadSize = 1 << 18;
    private const int BlocksAtOnce = 16;

    private readonly int _hashSize = HashSizeOf(algorithm);
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

    /// <summary>The digests of contents that are in memory. Their blocks are hashed together, which fills the vectors of the processor with small ones, too.</summary>
    /// <param name="algorithm">The hash.</param>
    /// <param name="blocks">The contents, each from a block on that is its own, the last block of each filled up with zeros.</param>
    /// <param name="lengths">Their lengths in bytes, from 1 to <see cref="MaxTogether"/>.</param>
    public static ObjectId[] HashEach(VerityAlgorithm algorithm, ReadOnlySpan<byte> blocks, IReadOnlyList<int> lengths)
    {
        int hashSize = HashSizeOf(algorithm);
        byte[] leaves = HashBlocks(algorithm, blocks);
        byte[] roots = HashTrees(algorithm, leaves, lengths);
        int leaf = 0;
        int tree = 0;
        ObjectId[] ids = new ObjectId[lengths.Count];
        for (int i = 0; i < ids.Length; i++)
        {
            bool isTree = lengths[i] > BlockSize;
            ids[i] = Describe(algorithm, lengths[i], isTree ? roots.AsSpan(tree, hashSize) : leaves.AsSpan(leaf, hashSize));
            leaf += BlocksOf(lengths[i]) * hashSize;
            tree += isTree ? hashSize : 0;
        }

        return ids;
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

        Span<byte> root = stackalloc byte[SHA512.HashSizeInBytes];
        root = root[.._hashSize];
        root.Clear();
        RootHash(root);
        return Describe(algorithm, _length, root);
    }

    private static int HashSizeOf(VerityAlgorithm algorithm) => algorithm == VerityAlgorithm.Sha256 ? SHA256.HashSizeInBytes : SHA512.HashSizeInBytes;

    /// <summary>How many blocks a content has, the last of which may not be full.</summary>
    public static int BlocksOf(int length) => (length + BlockSize - 1) / BlockSize;

    /// <summary>The digest of <c>struct fsverity_descriptor</c> of linux/fsverity.h, without signature.</summary>
    private static ObjectId Describe(VerityAlgorithm algorithm, long length, ReadOnlySpan<byte> root)
    {
        Span<byte> descriptor = stackalloc byte[DescriptorSize];
        descriptor.Clear();
        descriptor[0] = 1; // version
        descriptor[1] = (byte)algorithm;
        descriptor[2] = 12; // log_blocksize
        BinaryPrimitives.WriteInt64LittleEndian(descriptor[8..], length);
        root.CopyTo(descriptor[RootHashOffset..]);
        Span<byte> digest = stackalloc byte[SHA512.HashSizeInBytes];
        digest = digest[..root.Length];
        Digest(algorithm, descriptor, digest);
        return ObjectId.FromDigest(digest);
    }

    /// <summary>The hashes of the hash trees of those that have more than a block.</summary>
    private static byte[] HashTrees(VerityAlgorithm algorithm, ReadOnlySpan<byte> leaves, IReadOnlyList<int> lengths)
    {
        int size = lengths.Count(length => length > BlockSize) * BlockSize;
        byte[] trees = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            trees.AsSpan(0, size).Clear();
            int leaf = 0;
            int tree = 0;
            foreach (int length in lengths)
            {
                int ofThis = BlocksOf(length) * HashSizeOf(algorithm);
                if (length > BlockSize)
                {
                    leaves.Slice(leaf, ofThis).CopyTo(trees.AsSpan(tree));
                    tree += BlockSize;
                }

                leaf += ofThis;
            }

            return HashBlocks(algorithm, trees.AsSpan(0, size));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(trees);
        }
    }

    /// <summary>The hashes of whole blocks, one after the other.</summary>
    private static byte[] HashBlocks(VerityAlgorithm algorithm, ReadOnlySpan<byte> blocks)
    {
        int hashSize = HashSizeOf(algorithm);
        int count = blocks.Length / BlockSize;
        byte[] digests = new byte[count * hashSize];
        for (int i = algorithm == VerityAlgorithm.Sha512 ? Sha512Library.Hash(blocks, digests) : 0; i < count; i++)
        {
            Digest(algorithm, blocks.Slice(i * BlockSize, BlockSize), digests.AsSpan(i * hashSize, hashSize));
        }

        return digests;
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

    private void AddBlock(ReadOnlySpan<byte> block, int level) => Digest(algorithm, block, Next(level));

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

    private static void Digest(VerityAlgorithm algorithm, ReadOnlySpan<byte> data, Span<byte> destination)
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
