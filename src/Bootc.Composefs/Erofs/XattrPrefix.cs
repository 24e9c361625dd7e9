namespace Bootc.Composefs.Erofs;

/// <summary>The beginnings of attribute names that EROFS writes as a number (<c>EROFS_XATTR_INDEX_*</c>).</summary>
internal static class XattrPrefix
{
    private const byte Whole = 0;
    private const byte User = 1;
    private const byte PosixAclAccess = 2;
    private const byte PosixAclDefault = 3;
    private const byte Trusted = 4;
    private const byte Lustre = 5;
    private const byte Security = 6;

    /// <summary>The number and what is left of the name. <c>lustre.</c> has one too, which only the V2 layout uses.</summary>
    public static byte Split(ReadOnlySpan<byte> name, ErofsVersion version, out ReadOnlySpan<byte> suffix)
    {
        byte index = version == ErofsVersion.V2 && name.StartsWith(Text(Lustre)) ? Lustre : Find(name);
        suffix = name[Text(index).Length..];
        return index;
    }

    /// <summary>The beginning that a number stands for; <see cref="InvalidDataException"/> for an unknown number.</summary>
    public static ReadOnlySpan<byte> Text(byte index) => index switch
    {
        Whole => ""u8,
        User => "user."u8,
        PosixAclAccess => "system.posix_acl_access"u8,
        PosixAclDefault => "system.posix_acl_default"u8,
        Trusted => "trusted."u8,
        Lustre => "lustre."u8,
        Security => "security."u8,
        _ => throw new InvalidDataException($"extended attribute has unknown name prefix {index}"),
    };

    /// <summary>Whether the name is that of a POSIX access control list.</summary>
    public static bool IsAcl(ReadOnlySpan<byte> name) => Find(name) is PosixAclAccess or PosixAclDefault;

    private static byte Find(ReadOnlySpan<byte> name)
    {
        foreach (byte index in (ReadOnlySpan<byte>)[User, PosixAclAccess, PosixAclDefault, Trusted, Security])
        {
            if (name.StartsWith(Text(index)))
            {
                return index;
            }
        }

        return Whole;
    }
}
