using Bootc.Linux;
using Bootc.Linux.Verity;

namespace Bootc.Composefs.Store;

/// <summary>Enables fs-verity of objects before they have a name, where kernel and file system can. Any number of threads may use it.</summary>
/// <param name="objects">What they are for.</param>
internal sealed class ObjectSealer(ObjectStore objects)
{
    private const int Attempts = 3;

    // What a system call for each object would only say again.
    private volatile bool _isInVain;

    /// <summary>Whether somebody has the file open for writing, or enables fs-verity of it at the moment.</summary>
    public static bool IsBusy(SyscallException e) => e.Errno is Errno.ETXTBSY or Errno.EBUSY;

    /// <summary>
    /// Seals a file that was written. A child process that is just being started may still hold the descriptor that was closed for writing;
    /// where it holds on for too long, the result is a sealed copy.
    /// </summary>
    public PendingFile? Seal(PendingFile file, ObjectId id)
    {
        if (_isInVain)
        {
            return null;
        }

        file.Close();
        if (TrySeal(file.File, id))
        {
            return null;
        }

        PendingFile copy = objects.CreatePending();
        try
        {
            ObjectStore.Read(file.File, copy.Write);
            copy.Close();
            return TrySeal(copy.File, id) ? copy : throw new SyscallException("enable fs-verity on", copy.File.Path, Errno.ETXTBSY);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    /// <summary>False where the file is still open for writing somewhere.</summary>
    private bool TrySeal(Fd file, ObjectId id)
    {
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            try
            {
                if (!FsVerity.TryEnable(file, (uint)objects.Algorithm))
                {
                    _isInVain = !objects.IsVerityRequired ? true : throw new VerityUnavailableException(file.Path);
                    return true;
                }

                return ObjectStore.MeasuresAs(file, id) == true
                    ? true
                    : throw new InvalidDataException($"{file.Path} was damaged while it was stored: the kernel does not measure {id}");
            }
            catch (SyscallException e) when (IsBusy(e))
            {
                Thread.Sleep(1);
            }
        }

        return false;
    }
}
