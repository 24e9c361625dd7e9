using System.Security.Cryptography;
using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>
/// A file being written that has no name yet, and so is gone when this process is. Where the file system has no such files it
/// has a temporary name, which <see cref="Dispose"/> removes.
/// </summary>
internal sealed class PendingFile : IDisposable
{
    private const string TemporaryPrefix = ".tmp-object-";
    private const int Attempts = 16;

    private readonly Dir _directory;
    private readonly string? _temporaryName;
    private Fd _file;

    private PendingFile(Dir directory, Fd file, string? temporaryName)
    {
        _directory = directory;
        _file = file;
        _temporaryName = temporaryName;
    }

    /// <summary>Open for writing, or after <see cref="Close"/> for reading.</summary>
    public Fd File => _file;

    public static PendingFile Create(Dir directory) =>
        directory.TryCreateUnnamed() is { } unnamed ? new(directory, unnamed, null) : CreateNamed(directory);

    /// <summary>Whether a name in <c>objects/</c> is one of those that a killed writer may have left.</summary>
    public static bool IsTemporaryName(string name) => name.StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    public void Write(ReadOnlySpan<byte> content) => _file.Write(content);

    public void Sync() => _file.Sync();

    /// <summary>Gives up write access, without which fs-verity cannot be enabled. Reading starts at the beginning.</summary>
    public Fd Close()
    {
        Fd reader = _file.ReopenRead();
        _file.Dispose();
        return _file = reader;
    }

    /// <summary>Gives the file a name below its directory; false where the name is taken.</summary>
    public bool TryLink(string name) => _directory.TryLink(_file, name);

    /// <summary>Gives the file a name below its directory that may be taken by another file.</summary>
    public void LinkOver(string name)
    {
        string temporary = TemporaryName();
        if (!TryLink(temporary))
        {
            throw new SyscallException("link", System.IO.Path.Join(_directory.Path, temporary), Errno.EEXIST);
        }

        try
        {
            _directory.Rename(temporary, name);
        }
        finally
        {
            _directory.TryRemoveFile(temporary); // rename(2) leaves it where both names are of one file
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        if (_temporaryName is not null)
        {
            _directory.TryRemoveFile(_temporaryName);
        }
    }

    internal static PendingFile CreateNamed(Dir directory)
    {
        for (int attempt = 1; ; attempt++)
        {
            string name = TemporaryName();
            try
            {
                return new(directory, directory.CreateFile(name), name);
            }
            catch (SyscallException e) when (e.Errno == Errno.EEXIST && attempt < Attempts)
            {
            }
        }
    }

    private static string TemporaryName() => TemporaryPrefix + RandomNumberGenerator.GetHexString(12, lowercase: true);
}
