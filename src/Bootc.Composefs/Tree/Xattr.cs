using System.Text;

namespace Bootc.Composefs.Tree;

/// <summary>One extended attribute: its full name, such as <c>security.selinux</c>, and its value. Both are bytes.</summary>
public sealed class Xattr : IEquatable<Xattr>
{
    /// <summary>XATTR_NAME_MAX of linux/limits.h.</summary>
    public const int MaxNameLength = 255;

    /// <summary>What the 16-bit length of EROFS holds; one less than XATTR_SIZE_MAX of linux/limits.h.</summary>
    public const int MaxValueLength = ushort.MaxValue;

    private readonly byte[] _name;
    private readonly byte[] _value;

    /// <summary>Copies name and value; a <see cref="FormatException"/> if the name is empty, holds a NUL, or either is too long.</summary>
    public Xattr(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.Length is 0 or > MaxNameLength || name.Contains((byte)0))
        {
            throw new FormatException($"\"{Encoding.UTF8.GetString(name[..Math.Min(name.Length, MaxNameLength)])}\" ({name.Length} bytes) cannot be the name of an extended attribute");
        }

        if (value.Length > MaxValueLength)
        {
            throw new FormatException($"extended attribute {Encoding.UTF8.GetString(name)} has {value.Length} bytes, more than {MaxValueLength}");
        }

        _name = name.ToArray();
        _value = value.ToArray();
    }

    public ReadOnlySpan<byte> Name => _name;

    public ReadOnlySpan<byte> Value => _value;

    public bool Equals(Xattr? other) =>
        ReferenceEquals(this, other) || (other is not null && Name.SequenceEqual(other.Name) && Value.SequenceEqual(other.Value));

    public override bool Equals(object? obj) => Equals(obj as Xattr);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(Name);
        hash.AddBytes(Value);
        return hash.ToHashCode();
    }

    /// <summary>The name, for messages.</summary>
    public override string ToString() => Encoding.UTF8.GetString(_name);
}
