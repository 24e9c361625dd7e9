using System.Runtime.InteropServices;

namespace Bootc.Linux;

/// <summary>A system call that failed: what was tried, on what, and the kernel's reason.</summary>
public sealed class SyscallException : IOException
{
    public SyscallException(string verb, string subject, Errno errno)
        : base($"{verb} {subject}: {Marshal.GetPInvokeErrorMessage((int)errno)}") => Errno = errno;

    /// <summary>The reason, for callers that branch on it.</summary>
    public Errno Errno { get; }
}
