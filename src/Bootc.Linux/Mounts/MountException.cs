using System.Runtime.InteropServices;

namespace Bootc.Linux.Mounts;

/// <summary>A file system that could not be configured or mounted, with its own messages.</summary>
public sealed class MountException : IOException
{
    internal MountException(string type, string what, IReadOnlyList<string> messages, Errno errno)
        : base($"{type}: {what}: {Marshal.GetPInvokeErrorMessage((int)errno)}" + (messages.Count > 0 ? $" ({string.Join("; ", messages)})" : ""))
        => Errno = errno;

    public Errno Errno { get; }
}
