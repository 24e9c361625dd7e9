using System.Collections.Concurrent;
using System.Text.Json;
using Bootc.Composefs.Erofs;
using Bootc.Linux;
using Bootc.Linux.Verity;

namespace Bootc.Composefs.Store;

/// <summary>
/// A composefs repository: objects by content, and names for the streams and images among them (specification §2). A shared
/// lock keeps collectors of garbage out for as long as it is open.
/// </summary>
public sealed class Repository : IDisposable
{
    internal const uint DirectoryMode = 0x1C0; // 0700: setuid programs of images must not be reachable by users

    /// <summary>The folder of the objects.</summary>
    internal const string ObjectsName = "objects";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    // A second lock of this process would make its own collection of garbage wait for ever.
    private static readonly ConcurrentDictionary<(uint Major, uint Minor, ulong Inode), byte> OpenHere = new();

    private readonly Dir _root;
    private readonly Dir _objects;
    private readonly FileLock _lock;
    private readonly (uint, uint, ulong) _identity;
    private bool _disposed;

    private Repository(Dir root, VerityMode verity, Func<Dir, RepositoryConfig> configure, Func<Dir, FileLock> acquire)
    {
        FileStatus status = root.Status(".");
        _identity = (status.DeviceMajor, status.DeviceMinor, status.Inode);
        if (!OpenHere.TryAdd(_identity, 0))
        {
            throw new IOException($"repository {root.Path} is open already");
        }

        _root = root;
        Verity = verity;
        try
        {
            _lock = acquire(root);
            Config = configure(root);
            _objects = root.TryOpenDir(ObjectsName) ?? root.EnsureDir(ObjectsName);
        }
        catch
        {
            _lock?.Dispose();
            OpenHere.TryRemove(_identity, out _);
            throw;
        }

        IsWritable = !Config.IsReadOnly && root.IsWritable;
        Objects = new(this, _objects);
        Streams = new(this);
        Images = new(this);
    }

    /// <summary>Where it was opened, for messages.</summary>
    public string Path => _root.Path;

    /// <summary>Bytes that its file system has, free or not.</summary>
    public long FilesystemBytes => _root.FilesystemBytes;

    public RepositoryConfig Config { get; }

    /// <summary>The hash of all its objects' digests.</summary>
    public VerityAlgorithm Algorithm => Config.Algorithm;

    public VerityMode Verity { get; }

    /// <summary>Whether this process may, and this version can, write to it.</summary>
    public bool IsWritable { get; }

    public ObjectStore Objects { get; }

    public StreamStore Streams { get; }

    public ImageStore Images { get; }

    /// <summary>Whether nobody else can have it open.</summary>
    internal bool IsAlone { get; private init; }

    internal Dir Root => _root;

    /// <summary>
    /// Opens the repository of that name for writing, making it where there is none. One that exists keeps its formats; another
    /// algorithm than <paramref name="algorithm"/> is an error.
    /// </summary>
    /// <exception cref="VerityUnavailableException">fs-verity is required, and kernel or file system cannot.</exception>
    public static Repository Ensure(
        Dir parent, string name, VerityMode verity, VerityAlgorithm algorithm = VerityAlgorithm.Sha512) =>
        Opened(parent.EnsureDir(name, DirectoryMode), verity, root => EnsureConfig(root, verity, algorithm));

    /// <summary>Opens an existing repository; <paramref name="directory"/> stays the caller's.</summary>
    public static Repository Open(Dir directory, VerityMode verity) => Opened(directory.Reopen(), verity, ReadConfig);

    /// <summary>As <see cref="Open"/>, but for this process alone: waits until nobody else has it open, and others wait for it.</summary>
    public static Repository OpenAlone(Dir directory, VerityMode verity, CancellationToken cancellationToken)
    {
        return Opened(directory.Reopen(), verity, ReadConfig, Acquire);

        FileLock Acquire(Dir root)
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (FileLock.TryDirectory(root, exclusive: true, wait: false) is { } taken)
                {
                    return taken;
                }

                cancellationToken.WaitHandle.WaitOne(RetryAfter);
            }
        }
    }

    /// <summary>
    /// Why <c>meta.json</c> has to be made again: it is missing, or no JSON. Null where there is no reason, also where it is one that only
    /// a newer version understands.
    /// </summary>
    public static string? FindLostConfig(Dir directory)
    {
        if (directory.TryReadBytes(RepositoryConfig.FileName, RepositoryConfig.MaxSize) is not { } json)
        {
            return "is missing";
        }

        try
        {
            RepositoryConfig.Parse(json);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.InnerException is JsonException ? "cannot be read as JSON" : null;
        }
    }

    /// <summary>Makes <c>meta.json</c> again where it <see cref="FindLostConfig">is lost</see>, in one step.</summary>
    /// <param name="directory">The repository.</param>
    /// <param name="verity">Whether objects must have fs-verity.</param>
    /// <param name="image">An image of it: algorithm and format of all others are the same.</param>
    public static void RestoreConfig(Dir directory, VerityMode verity, ObjectId image)
    {
        if (FindLostConfig(directory) is not null)
        {
            using Dir root = directory.Reopen();
            WriteConfig(root, RepositoryConfig.New(image.Algorithm) with { DefaultFormat = FormatOf(root, image) }, verity, replace: true);
        }
    }

    /// <summary>Whether a name or a reference, by its path in the repository, stands for something that is missing.</summary>
    public bool IsDangling(string path)
    {
        try
        {
            return LinkFolder.TryReadLink(_root, path) is { } target && !_root.Exists(target);
        }
        catch (InvalidDataException)
        {
            return true; // it points out of the repository
        }
    }

    /// <summary>Removes a name or a reference that <see cref="IsDangling">stands for nothing</see>; false where it stands for something.</summary>
    public bool RemoveDangling(string path)
    {
        RequireWritable();
        return IsDangling(path) && _root.TryRemoveFile(path);
    }

    /// <summary>Begins an import, or goes on with one that was interrupted; null where another process has one under way.</summary>
    public UnfinishedImport? TryBeginImport() => UnfinishedImport.TryBegin(this);

    /// <summary>Starts the only way to give names to objects, which makes them durable first.</summary>
    public Publication BeginPublication()
    {
        RequireWritable();
        return new(this);
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _objects.Dispose();
        _lock.Dispose();
        _root.Dispose();
        OpenHere.TryRemove(_identity, out _);
    }

    internal void RequireWritable()
    {
        if (!IsWritable)
        {
            throw new IOException(Config.IsReadOnly
                ? $"repository {Path} has features that allow this version only to read it"
                : $"repository {Path} is read-only");
        }
    }

    /// <summary>Whether a name in the repository or its objects is one of those that a killed writer may have left.</summary>
    internal static bool IsTemporaryName(string name) => PendingFile.IsTemporaryName(name) || LinkFolder.IsTemporaryName(name);

    /// <summary>Makes all that was written durable.</summary>
    public void Sync() => _root.SyncFilesystem();

    /// <param name="acquire">Takes an exclusive lock; null for a shared one.</param>
    private static Repository Opened(
        Dir root, VerityMode verity, Func<Dir, RepositoryConfig> configure, Func<Dir, FileLock>? acquire = null)
    {
        try
        {
            return new(root, verity, configure, acquire ?? (dir => FileLock.TryDirectory(dir, exclusive: false)!)) // waits, so it is never null
            {
                IsAlone = acquire is not null,
            };
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    private static RepositoryConfig ReadConfig(Dir root) =>
        root.TryReadBytes(RepositoryConfig.FileName, RepositoryConfig.MaxSize) is { } json
            ? RepositoryConfig.Parse(json)
            : InferConfig(root) ?? throw new InvalidDataException(
                $"{root.Path} is not a composefs repository: it has neither {RepositoryConfig.FileName} nor {ObjectsName}/");

    private static RepositoryConfig EnsureConfig(Dir root, VerityMode verity, VerityAlgorithm algorithm)
    {
        // Another process may make it at the same time; then there is one file, and both read it.
        RepositoryConfig wanted = InferConfig(root) ?? RepositoryConfig.New(algorithm);
        if (!root.Exists(RepositoryConfig.FileName))
        {
            WriteConfig(root, wanted, verity);
        }

        RepositoryConfig config = ReadConfig(root);
        if (config.Algorithm != algorithm)
        {
            throw new InvalidDataException($"repository {root.Path} uses {config.Algorithm} digests, not {algorithm}");
        }

        if (verity == VerityMode.Required)
        {
            using Fd file = root.OpenFile(RepositoryConfig.FileName);
            RequireVerity(file, algorithm);
        }

        return config;
    }

    /// <summary>The whole file appears at once, and already sealed: composefs tells by the seal whether all objects must have one.</summary>
    private static void WriteConfig(Dir root, RepositoryConfig config, VerityMode verity, bool replace = false)
    {
        using PendingFile file = PendingFile.Create(root);
        file.Write(config.ToJson());
        file.Sync();
        Fd reader = file.Close();
        if (verity == VerityMode.Required)
        {
            RequireVerity(reader, config.Algorithm);
        }

        if (!file.TryLink(RepositoryConfig.FileName) && replace)
        {
            file.LinkOver(RepositoryConfig.FileName);
        }

        root.Sync();
    }

    private static ErofsVersion FormatOf(Dir root, ObjectId image)
    {
        using Fd? file = root.TryOpenFile($"{ObjectsName}/{image.ObjectPath}");
        try
        {
            return file is null ? ErofsVersion.V1 : ErofsReader.ReadVersion(file);
        }
        catch (InvalidDataException)
        {
            return ErofsVersion.V1;
        }
    }

    private static void RequireVerity(Fd file, VerityAlgorithm algorithm)
    {
        if (!FsVerity.TryEnable(file, (uint)algorithm))
        {
            throw new VerityUnavailableException(file.Path);
        }
    }

    /// <summary>Repositories of composefs before 0.7 have no meta.json; the names of their objects tell the algorithm.</summary>
    private static RepositoryConfig? InferConfig(Dir root)
    {
        using Dir? objects = root.TryOpenDir(ObjectsName);
        if (objects is null)
        {
            return null;
        }

        foreach (DirEntry prefix in objects.Entries().Where(e => e.Name.Length == 2))
        {
            using Dir? inner = objects.TryOpenDir(prefix.Name);
            foreach (DirEntry entry in inner?.Entries() ?? [])
            {
                if (ObjectId.TryParse(prefix.Text + entry.Text, out ObjectId? id))
                {
                    return RepositoryConfig.New(id.Algorithm);
                }
            }
        }

        return RepositoryConfig.New(VerityAlgorithm.Sha512);
    }
}
