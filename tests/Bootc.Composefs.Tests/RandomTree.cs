using System.Text;
using Bootc.Composefs.Tree;

namespace Bootc.Composefs.Tests;

/// <summary>Makes trees that have a bit of everything a file system can hold. The same seed makes the same tree.</summary>
internal sealed class RandomTree
{
    // The last two are not for directories: the marks of whiteouts replace them, and the C tool then fails with ERANGE.
    private static readonly string[] XattrNames =
    [
        "user.a", "user.long.name.of.an.attribute", "security.selinux", "security.capability", "trusted.overlay.redirect",
        "trusted.overlay.overlay.x", "trusted.x", "system.posix_acl_access", "system.posix_acl_default", "lustre.lov", "unknown",
        "user.empty", "user.overlay.opaque", "trusted.overlay.opaque",
    ];

    private readonly Random _random;
    private readonly bool _forV2;
    private readonly List<Inode.Leaf> _leaves = [];
    private int _names;

    private RandomTree(int seed, bool forV2)
    {
        _random = new Random(seed);
        _forV2 = forV2;
    }

    /// <summary>A tree of up to some hundred inodes.</summary>
    /// <param name="seed">Decides what is in it.</param>
    /// <param name="forV2">Leaves out what the V2 layout has no place for: long contents and targets, and nanoseconds.</param>
    public static FileTree Create(int seed, bool forV2 = false)
    {
        RandomTree maker = new(seed, forV2);
        Inode.Directory root = new(maker.RandomMetadata(isDirectory: true));
        maker.Fill(root, depth: 0);
        return new FileTree(root);
    }

    private void Fill(Inode.Directory directory, int depth)
    {
        int count = _random.Next(6) switch
        {
            0 => 0,
            1 when depth < 2 => _random.Next(300),
            _ => _random.Next(12),
        };
        for (int i = 0; i < count; i++)
        {
            directory.Set(RandomName(), RandomChild(depth));
        }
    }

    private Inode RandomChild(int depth)
    {
        if (depth < 5 && _random.Next(8) == 0)
        {
            Inode.Directory child = new(RandomMetadata(isDirectory: true));
            Fill(child, depth + 1);
            return child;
        }

        if (_leaves.Count > 0 && _random.Next(12) == 0)
        {
            return _leaves[_random.Next(_leaves.Count)];
        }

        Inode.Leaf leaf = RandomLeaf();
        if (leaf is not Inode.Device { IsWhiteout: true })
        {
            _leaves.Add(leaf);
        }

        return leaf;
    }

    private Inode.Leaf RandomLeaf() => _random.Next(12) switch
    {
        0 => new Inode.Device(RandomMetadata(), isBlock: _random.Next(2) == 0, (uint)_random.Next()),
        1 => new Inode.Device(RandomMetadata(), isBlock: false, rdev: 0),
        2 => new Inode.Fifo(RandomMetadata()),
        3 => new Inode.Socket(RandomMetadata()),
        4 => new Inode.Symlink(RandomMetadata(), RandomBytes(1 + _random.Next(_random.Next(10) == 0 ? Longest(4095) : 60), nul: false)),
        5 => new Inode.ForeignFile(RandomMetadata(), RandomPath(), null, RandomSize()),
        6 => new Inode.ForeignFile(RandomMetadata(), ReadOnlyMemory<byte>.Empty, _random.Next(2) == 0 ? RandomId() : null, RandomSize()),
        7 or 8 => new Inode.InlineFile(RandomMetadata(), RandomBytes(_random.Next(_random.Next(4) == 0 ? Longest(5000) + 1 : 65))),
        9 => new Inode.InlineFile(RandomMetadata(), ReadOnlyMemory<byte>.Empty),
        _ => new Inode.ObjectFile(RandomMetadata(), RandomId(), RandomSize()),
    };

    private Metadata RandomMetadata(bool isDirectory = false) => new(
        (ushort)_random.Next(0x1000),
        _random.Next(4) == 0 ? (uint)_random.NextInt64(1L << 32) : 0,
        _random.Next(4) == 0 ? (uint)_random.Next(70_000) : 0,
        _random.Next(3) == 0 ? new(_random.NextInt64(-5, 1L << 34), _forV2 ? 0 : (uint)_random.Next(1_000_000_000)) : new(1000, _forV2 ? 0 : 7u),
        RandomXattrs(isDirectory ? XattrNames[..^2] : XattrNames));

    private int Longest(int length) => _forV2 ? Math.Min(length, 4000) : length;

    private XattrList RandomXattrs(string[] names)
    {
        if (_random.Next(2) == 0)
        {
            return XattrList.Empty;
        }

        return XattrList.From(Enumerable.Range(0, _random.Next(5)).Select(_ =>
        {
            string name = names[_random.Next(names.Length)];
            byte[] value = _random.Next(3) == 0 ? RandomBytes(_random.Next(_random.Next(8) == 0 ? 3000 : 40)) : Encoding.ASCII.GetBytes("value");
            return new Xattr(Encoding.ASCII.GetBytes(name), value);
        }));
    }

    private FileName RandomName()
    {
        // A number keeps names apart; what stands before it decides how they sort around "." and "..".
        byte[] prefix = RandomBytes(_random.Next(3), nul: false);
        byte[] filler = _random.Next(3) == 0 ? Encoding.ASCII.GetBytes(new string('n', _random.Next(230))) : [];
        byte[] name = [.. prefix.Select(b => b == '/' ? (byte)'-' : b), .. Encoding.ASCII.GetBytes($"{_names++}"), .. filler];
        return FileName.Parse(name);
    }

    private byte[] RandomPath() =>
        _random.Next(2) == 0 ? Encoding.ASCII.GetBytes(RandomId().ObjectPath) : [.. "data/"u8, .. RandomBytes(1 + _random.Next(20), nul: false)];

    private byte[] RandomBytes(int length, bool nul = true)
    {
        byte[] bytes = new byte[length];
        _random.NextBytes(bytes);
        return nul ? bytes : [.. bytes.Select(b => b == 0 ? (byte)1 : b)];
    }

    private ObjectId RandomId()
    {
        // Few different ones, so that some attributes are shared.
        Random few = new(_random.Next(200));
        byte[] digest = new byte[32]; // the C tool knows SHA-256 only
        few.NextBytes(digest);
        return ObjectId.FromDigest(digest);
    }

    private long RandomSize() => 1 + _random.NextInt64(1L << (1 + _random.Next(46)));
}
