using Bootc.Linux;

namespace Bootc.Host;

/// <summary>Tells failures a user can act on from mistakes in this program.</summary>
public static class Failure
{
    /// <summary>Whether an exception describes the world (a file, a disk, an image, another program) rather than a bug.</summary>
    public static bool IsExpected(Exception failure) => failure switch
    {
        BootcException or IOException or FormatException or UnauthorizedAccessException or InvalidDataException => true,
        TimeoutException => true,
        AggregateException many => many.InnerExceptions.All(IsExpected),
        _ => false,
    };

    /// <summary>The whole chain of causes in one line: what was tried first, then why it failed.</summary>
    public static string Describe(Exception failure)
    {
        List<string> chain = [];
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            string message = cause.Message.Trim().TrimEnd('.');
            // Many library exceptions repeat their cause in their own message.
            if (chain.Count == 0 || !chain[^1].Contains(message, StringComparison.Ordinal))
            {
                chain.Add(message);
            }
        }

        return string.Join(": ", chain);
    }

    /// <summary>Whether a file system was full (ENOSPC, EDQUOT), anywhere in the chain of causes.</summary>
    public static bool IsNoSpace(Exception failure) => Has(failure, errno => errno is Errno.ENOSPC or Errno.EDQUOT);

    /// <summary>Whether somebody stopped what failed, or a network or a disk did, so that it may go on from where it was.</summary>
    public static bool IsInterruption(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is OperationCanceledException or IOException)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a program did not read what was written to it (EPIPE), anywhere in the chain of causes.</summary>
    public static bool IsBrokenPipe(Exception failure) => Has(failure, errno => errno == Errno.EPIPE);

    private static bool Has(Exception failure, Predicate<Errno> isWanted)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            // The runtime's own file streams keep errno there.
            Errno? errno = cause is SyscallException call ? call.Errno : cause is IOException ? (Errno)cause.HResult : null;
            if (errno is { } found && isWanted(found))
            {
                return true;
            }
        }

        return false;
    }
}
