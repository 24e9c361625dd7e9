using System.Text;

namespace Bootc.Linux;

/// <summary>
/// A name or relative path handed to the kernel: any bytes but NUL. Strings convert by UTF-8; names read from disks and
/// archives stay bytes, since they need not be UTF-8.
/// </summary>
public readonly ref struct PathName
{
    /// <summary>The bytes with the NUL that ends them.</summary>
    internal readonly ReadOnlySpan<byte> Terminated;

    private PathName(ReadOnlySpan<byte> terminated) => Terminated = terminated;

    /// <summary>The bytes, without the NUL that ends them.</summary>
    public ReadOnlySpan<byte> Bytes => Terminated[..^1];

    public static implicit operator PathName(string path)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        return Checked(bytes);
    }

    public static implicit operator PathName(ReadOnlySpan<byte> path)
    {
        byte[] bytes = new byte[path.Length + 1];
        path.CopyTo(bytes);
        return Checked(bytes);
    }

    public static implicit operator PathName(byte[] path) => (ReadOnlySpan<byte>)path;

    /// <summary>For messages: bytes that are not UTF-8 show as U+FFFD.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Bytes);

    private static PathName Checked(byte[] terminated) =>
        terminated.AsSpan().IndexOf((byte)0) == terminated.Length - 1
            ? new(terminated)
            : throw new FormatException("a file name holds a NUL byte");
}
