namespace Bootc.Composefs.Tree;

/// <summary>What every inode has, whatever its type.</summary>
/// <param name="Permissions">The twelve bits 07777 of the mode: rwx for three, setuid, setgid, sticky.</param>
public readonly record struct Metadata(ushort Permissions, uint Uid, uint Gid, Timestamp Mtime, XattrList Xattrs)
{
    /// <summary>The bits of a mode that are permissions; the others are the <see cref="FileType"/>.</summary>
    public const ushort PermissionMask = 0xFFF; // 07777

    /// <summary>Owned by root, dated 1970, without extended attributes.</summary>
    public Metadata(ushort permissions)
        : this(permissions, 0, 0, default, XattrList.Empty)
    {
    }
}
