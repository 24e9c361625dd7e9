namespace Bootc.Composefs.Tree;

/// <summary>The file type bits of a mode; the numbers are those of <c>S_IF*</c> in linux/stat.h.</summary>
public enum FileType : ushort
{
    /// <summary>No type at all, as in a mode that states permissions only.</summary>
    None = 0,
    Fifo = 0x1000, // 0010000
    CharacterDevice = 0x2000, // 0020000
    Directory = 0x4000, // 0040000
    BlockDevice = 0x6000, // 0060000
    Regular = 0x8000, // 0100000
    Symlink = 0xA000, // 0120000
    Socket = 0xC000, // 0140000
}
