using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Mounts;

/// <summary>A file system being configured before it is mounted: fsopen(2), fsconfig(2), fsmount(2).</summary>
public sealed unsafe class FilesystemContext : IDisposable
{
    private readonly Fd _fd;

    private FilesystemContext(Fd fd) => _fd = fd;

    public static FilesystemContext Open(string type)
    {
        PathName name = type;
        nint fd;
        fixed (byte* p = name.Terminated)
        {
            // fsopen(name, flags): the second slot of the generic syscall is its flags.
            fd = Libc.Syscall(Libc.SysFsOpen, (nint)p, (void*)FSOPEN_CLOEXEC, 0, null, 0);
        }

        return new(new Fd((int)Syscall.Check(fd, "open file system type", type), type));
    }

    /// <summary>Takes up the file system of a mount, to change how it is configured: fspick(2).</summary>
    public static FilesystemContext Pick(Dir root)
    {
        byte empty = 0;
        nint fd = Libc.Syscall(Libc.SysFsPick, root.Fd.DangerousGetHandle(), &empty, FSPICK_CLOEXEC | FSPICK_EMPTY_PATH, null, 0);
        return new(new Fd((int)Syscall.Check(fd, "reconfigure", root.Path), root.Path));
    }

    public FilesystemContext Set(string key, string value)
    {
        PathName k = key;
        PathName v = value;
        fixed (byte* kp = k.Terminated)
        fixed (byte* vp = v.Terminated)
        {
            Configure(FSCONFIG_SET_STRING, kp, vp, 0, $"{key}={value}");
        }

        return this;
    }

    public FilesystemContext SetFlag(string key)
    {
        PathName k = key;
        fixed (byte* kp = k.Terminated)
        {
            Configure(FSCONFIG_SET_FLAG, kp, null, 0, key);
        }

        return this;
    }

    /// <summary>Hands over a descriptor, as overlay's <c>lowerdir+</c> and <c>datadir+</c> take one.</summary>
    public FilesystemContext Set(string key, Fd value)
    {
        PathName k = key;
        fixed (byte* kp = k.Terminated)
        {
            Configure(FSCONFIG_SET_FD, kp, null, (int)value.DangerousGetHandle(), $"{key}=<{value.Path}>");
        }

        GC.KeepAlive(value);
        return this;
    }

    /// <summary>Creates the file system and a mount of it that is attached nowhere.</summary>
    public DetachedMount Mount(MountFlags flags = MountFlags.None)
    {
        Configure(FSCONFIG_CMD_CREATE, null, null, 0, "create");
        nint fd = Libc.Syscall(Libc.SysFsMount, _fd.DangerousGetHandle(), (void*)FSMOUNT_CLOEXEC, (nint)flags, null, 0);
        return fd >= 0 ? new(new Fd((int)fd, _fd.Path)) : throw Failed("mount");
    }

    /// <summary>Gives a file system that was picked up what was set here.</summary>
    public void Reconfigure() => Configure(FSCONFIG_CMD_RECONFIGURE, null, null, 0, "reconfigure");

    public void Dispose() => _fd.Dispose();

    private void Configure(int command, byte* key, byte* value, int auxiliary, string what)
    {
        if (Libc.Syscall(Libc.SysFsConfig, _fd.DangerousGetHandle(), (void*)command, (nint)key, value, auxiliary) < 0)
        {
            throw Failed(what);
        }
    }

    // The context is also a log: the file system's own words are more useful than an errno.
    private MountException Failed(string what)
    {
        Errno errno = Syscall.LastErrno;
        List<string> messages = [];
        byte[] buffer = new byte[1024];
        fixed (byte* b = buffer)
        {
            for (nint n; (n = Libc.Read(_fd, b, (nuint)buffer.Length)) > 0 && messages.Count < 8;)
            {
                messages.Add(System.Text.Encoding.UTF8.GetString(buffer, 0, (int)n).Trim());
            }
        }

        return new(_fd.Path, what, messages, errno);
    }
}
