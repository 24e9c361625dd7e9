using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux.Verity;

/// <summary>fs-verity ioctls (linux/fsverity.h), with 4096-byte blocks and no salt.</summary>
public static unsafe class FsVerity
{
    private const int BlockSize = 4096;

    /// <summary>
    /// Seals a file that is open for reading only and that nobody has open for writing. True also where it was sealed already;
    /// false where kernel or file system cannot. ETXTBSY: somebody still has it open for writing.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="algorithm">FS_VERITY_HASH_ALG_*: 1 SHA-256, 2 SHA-512.</param>
    public static bool TryEnable(Fd file, uint algorithm)
    {
        VerityEnableArgument argument = new() { Version = 1, HashAlgorithm = algorithm, BlockSize = BlockSize };
        if (Libc.IoCtl(file, FS_IOC_ENABLE_VERITY, &argument) == 0)
        {
            return true;
        }

        Errno errno = Syscall.LastErrno;
        return errno switch
        {
            Errno.EEXIST => true,
            // EINVAL: a kernel before 6.3 whose pages are not of 4096 bytes; ENOPKG: a kernel without the hash.
            Errno.ENOTTY or Errno.EOPNOTSUPP or Errno.EINVAL or Errno.ENOPKG => false,
            _ => throw new SyscallException("enable fs-verity on", file.Path, errno),
        };
    }

    /// <summary>The digest that the kernel enforces for this file, and its algorithm; null where the file has none.</summary>
    public static (uint Algorithm, byte[] Digest)? TryMeasure(Fd file)
    {
        VerityDigest digest = new() { Size = 64 };
        if (Libc.IoCtl(file, FS_IOC_MEASURE_VERITY, &digest) == 0)
        {
            ReadOnlySpan<byte> bytes = digest.Bytes;
            return (digest.Algorithm, bytes[..digest.Size].ToArray());
        }

        Errno errno = Syscall.LastErrno;
        return errno is Errno.ENODATA or Errno.ENOTTY or Errno.EOPNOTSUPP
            ? null
            : throw new SyscallException("measure fs-verity of", file.Path, errno);
    }
}
