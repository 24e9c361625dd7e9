using System.Runtime.InteropServices;

namespace Bootc.Linux.Interop;

/// <summary>The second of three layers: a raw result becomes a value or an exception that says what was tried.</summary>
internal static class Syscall
{
    /// <summary>Must be read first of all after a failed call: any other call, even opening Console.Error, overwrites it.</summary>
    internal static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    // Verb and subject are joined only on failure: a message built before the check would cost an allocation for each file.
    internal static int Check(int result, string verb, string subject) => result >= 0 ? result : throw Failed(verb, subject);

    internal static long Check(long result, string verb, string subject) => result >= 0 ? result : throw Failed(verb, subject);

    internal static SyscallException Failed(string verb, string subject) => new(verb, subject, LastErrno);

    internal static T? AbsentOrThrow<T>(string verb, string subject)
        where T : class
    {
        Errno errno = LastErrno;
        return errno is Errno.ENOENT or Errno.ENOTDIR ? null : throw new SyscallException(verb, subject, errno);
    }

    internal static void ThrowUnlessInterrupted(string verb, string subject)
    {
        Errno errno = LastErrno;
        if (errno != Errno.EINTR)
        {
            throw new SyscallException(verb, subject, errno);
        }
    }
}
