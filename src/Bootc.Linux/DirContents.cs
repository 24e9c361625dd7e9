using System.Buffers.Binary;
using System.Text;
using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux;

/// <summary>A name in a directory.</summary>
/// <param name="Name">As the file system holds it; need not be UTF-8.</param>
/// <param name="Kind">What it is, links not followed.</param>
public readonly record struct DirEntry(byte[] Name, FileKind Kind)
{
    /// <summary>The name as text; bytes that are not UTF-8 show as U+FFFD.</summary>
    public string Text => Encoding.UTF8.GetString(Name);
}

/// <summary>Whole files, listings and attributes: what most callers do with a directory.</summary>
public sealed unsafe partial class Dir
{
    /// <summary>What names begin with whose content is not whole yet; a power cut may leave one.</summary>
    public const string UnfinishedPrefix = ".new-";

    /// <summary>The largest file that <see cref="ReadBytes"/> takes unless told otherwise; larger ones are not configuration.</summary>
    private const int DefaultReadLimit = 64 << 20;

    /// <summary>XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h. On the stack: thousands of files are asked one after the other.</summary>
    private const int MaxXattrBytes = 64 << 10;

    /// <summary>All names but <c>.</c> and <c>..</c>, in the order of the file system.</summary>
    public IReadOnlyList<DirEntry> Entries()
    {
        using Fd listing = OpenDir(".").Fd;
        List<DirEntry> entries = [];
        byte[] buffer = new byte[32 << 10];
        while (true)
        {
            nint length;
            fixed (byte* b = buffer)
            {
                length = Libc.GetDents64(listing, b, (nuint)buffer.Length);
            }

            Check((int)length, "list", ".");
            if (length == 0)
            {
                return entries;
            }

            // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name
            for (int at = 0; at < length;)
            {
                int size = BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(at + 16));
                ReadOnlySpan<byte> name = buffer.AsSpan(at + 19, size - 19);
                name = name[..name.IndexOf((byte)0)];
                if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
                {
                    Add(name.ToArray(), (FileKind)(buffer[at + 18] << 12));
                }

                at += size;
            }
        }

        void Add(byte[] name, FileKind kind)
        {
            // Not every file system keeps it in the directory (DT_UNKNOWN): ext4 without filetype and old xfs do not.
            if (kind != 0)
            {
                entries.Add(new(name, kind));
            }
            else if (TryStatus(name) is { } status)
            {
                entries.Add(new(name, status.Kind));
            }
        }
    }

    /// <summary>A whole file; one above the limit is an error, since it cannot be what the caller expects.</summary>
    public byte[] ReadBytes(PathName name, int limit = DefaultReadLimit)
    {
        using Fd file = OpenFile(name);
        return file.ReadAll(limit);
    }

    /// <summary>As <see cref="ReadBytes"/>; null where there is none.</summary>
    public byte[]? TryReadBytes(PathName name, int limit = DefaultReadLimit)
    {
        using Fd? file = TryOpenFile(name);
        return file?.ReadAll(limit);
    }

    /// <summary>As <see cref="TryReadBytes"/>, of what <see cref="TryOpenInRoot"/> opens; null, too, where a link leads to nothing.</summary>
    public byte[]? TryReadBytesInRoot(PathName path, int limit = DefaultReadLimit)
    {
        using Fd? file = TryOpenInRoot(path);
        return file?.ReadAll(limit);
    }

    /// <summary>A whole file as UTF-8.</summary>
    public string ReadText(PathName name) => Encoding.UTF8.GetString(ReadBytes(name));

    /// <summary>As <see cref="ReadText"/>; null where there is none.</summary>
    public string? TryReadText(PathName name) => TryReadBytes(name) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    /// <summary>
    /// Replaces a file in one step: a new file beside it, fsync, rename over it, fsync of the directory. Where the name did not
    /// exist it appears whole or not at all. One writer at a time: what a killed one left is replaced by the next.
    /// </summary>
    public void WriteAtomically(string name, ReadOnlySpan<byte> content, uint mode = Mode644)
    {
        byte[] bytes = content.ToArray();
        Replace(name, mode, file => file.Write(bytes));
    }

    /// <summary>As the other overload, for content that is made while it is written.</summary>
    public void WriteAtomically(string name, Action<Stream> write, uint mode = Mode644) => Replace(name, mode, file =>
    {
        using FileStream stream = file.IntoStream(FileAccess.Write);
        write(stream);
    });

    /// <summary>As the other overload, with text as UTF-8.</summary>
    public void WriteAtomically(string name, string content, uint mode = Mode644) =>
        WriteAtomically(name, Encoding.UTF8.GetBytes(content), mode);

    private void Replace(string name, uint mode, Action<Fd> fill)
    {
        string temporary = UnfinishedPrefix + name;
        TryRemoveFile(temporary);
        try
        {
            using (Fd file = CreateFile(temporary, mode))
            {
                fill(file);
            }

            // The runtime's own stream takes a failed fsync for done.
            using (Fd written = OpenFile(temporary))
            {
                written.Sync();
            }

            Rename(temporary, name);
        }
        catch
        {
            try
            {
                TryRemoveFile(temporary);
            }
            catch (SyscallException)
            {
                // Why it could not be written says more; the next writer removes it.
            }

            throw;
        }

        Sync();
    }

    /// <summary>Removes all whose names begin with <see cref="UnfinishedPrefix"/>, directories with what is in them.</summary>
    public void RemoveUnfinished()
    {
        foreach (DirEntry entry in Entries())
        {
            if (entry.Text.StartsWith(UnfinishedPrefix, StringComparison.Ordinal))
            {
                TryRemoveTree(entry.Name);
            }
        }
    }

    public void SetPermissions(PathName name, uint permissions)
    {
        fixed (byte* p = name.Terminated)
        {
            Check(Libc.FChModAt(_fd, p, permissions, 0), "chmod", name);
        }
    }

    /// <summary>Sets the owner, of the symbolic link itself if it is one.</summary>
    public void SetOwner(PathName name, uint uid, uint gid)
    {
        fixed (byte* p = name.Terminated)
        {
            Check(Libc.FChOwnAt(_fd, p, uid, gid, AT_SYMLINK_NOFOLLOW), "chown", name);
        }
    }

    /// <summary>Sets access and modification time, of the symbolic link itself if it is one.</summary>
    public void SetModified(PathName name, long seconds, uint nanoseconds)
    {
        TimeSpec* times = stackalloc TimeSpec[2];
        times[0] = times[1] = new TimeSpec { Seconds = seconds, Nanoseconds = nanoseconds };
        fixed (byte* p = name.Terminated)
        {
            Check(Libc.UTimeNsAt(_fd, p, times, AT_SYMLINK_NOFOLLOW), "set the time of", name);
        }
    }

    /// <summary>The extended attributes of a name, of the symbolic link itself if it is one. Names carry their prefix.</summary>
    public IReadOnlyList<(byte[] Name, byte[] Value)> ReadXattrs(PathName name)
    {
        PathName path = XattrPath(name);
        byte[] names = ListXattrs(path, name);
        if (names.Length == 0)
        {
            return [];
        }

        List<(byte[], byte[])> xattrs = [];
        for (Span<byte> rest = names; !rest.IsEmpty;)
        {
            int end = rest.IndexOf((byte)0);
            byte[] attribute = rest[..end].ToArray();
            if (ReadXattr(path, attribute, name) is { } value)
            {
                xattrs.Add((attribute, value));
            }

            rest = rest[(end + 1)..];
        }

        return xattrs;
    }

    /// <summary>Sets one extended attribute, of the symbolic link itself if it is one.</summary>
    public void SetXattr(PathName name, PathName attribute, ReadOnlySpan<byte> value)
    {
        PathName path = XattrPath(name);
        fixed (byte* p = path.Terminated)
        fixed (byte* a = attribute.Terminated)
        fixed (byte* v = value)
        {
            Check(Libc.LSetXattr(p, a, v, (nuint)value.Length, 0), "set an xattr of", name);
        }
    }

    /// <summary>Removes an extended attribute, of the symbolic link itself if it is one.</summary>
    public void RemoveXattr(PathName name, PathName attribute)
    {
        PathName path = XattrPath(name);
        fixed (byte* p = path.Terminated)
        fixed (byte* a = attribute.Terminated)
        {
            Check(Libc.LRemoveXattr(p, a), "remove an xattr of", name);
        }
    }

    /// <summary>The names of all attributes, each ended by a NUL.</summary>
    private byte[] ListXattrs(PathName path, PathName name)
    {
        byte* list = stackalloc byte[MaxXattrBytes];
        nint length;
        fixed (byte* p = path.Terminated)
        {
            length = Libc.LListXattr(p, list, MaxXattrBytes);
        }

        if (length >= 0)
        {
            return new ReadOnlySpan<byte>(list, (int)length).ToArray();
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.EOPNOTSUPP ? [] : throw new SyscallException("list xattrs of", Join(name), errno);
    }

    private byte[]? ReadXattr(PathName path, PathName attribute, PathName name)
    {
        byte* value = stackalloc byte[MaxXattrBytes];
        nint length;
        fixed (byte* p = path.Terminated)
        fixed (byte* a = attribute.Terminated)
        {
            length = Libc.LGetXattr(p, a, value, MaxXattrBytes);
        }

        if (length >= 0)
        {
            return new ReadOnlySpan<byte>(value, (int)length).ToArray();
        }

        Errno errno = Syscall.LastErrno;
        return errno == Errno.ENODATA ? null : throw new SyscallException("read an xattr of", Join(name), errno);
    }

    // There is no lgetxattrat before Linux 6.13; through /proc the kernel still starts at this directory.
    private PathName XattrPath(PathName name)
    {
        byte[] prefix = Encoding.ASCII.GetBytes(_fd.ProcPath + "/");
        return (PathName)(byte[])[.. prefix, .. name.Bytes];
    }
}
