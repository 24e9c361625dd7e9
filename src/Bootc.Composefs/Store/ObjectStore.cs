using System.Buffers;
using System.Collections.Concurrent;
using Bootc.Linux;
using Bootc.Linux.Verity;

namespace Bootc.Composefs.Store;

/// <summary>Sees the bytes of an object in the order in which they are stored.</summary>
public delegate void ContentSink(ReadOnlySpan<byte> content);

/// <summary>
/// The files of a repository by the fs-verity digest of their content: <c>objects/XX/YYYY…</c> (specification §2.3). Any number
/// of threads may store at the same time. Nothing is synced here: see <see cref="Publication"/>.
/// </summary>
public sealed class ObjectStore
{
    private const int BufferSize = 256 << 10;

    // In bytes. The disk would be idle until the sync before the names, which then found all to be written; of smaller ones there are many, and little.
    private const int WrittenAtOnce = 128 << 10;

    private readonly Repository _repository;
    private readonly Dir _objects;

    // File systems between which sharing blocks was tried in vain. A race costs one more try.
    private readonly ConcurrentDictionary<(uint Major, uint Minor), byte> _copiedFrom = new();

    private readonly ObjectFolders _folders;
    private readonly ObjectSealer _sealer;

    // Of a sealed file the kernel measures what it was, whatever has become of its blocks since.
    private readonly ConcurrentDictionary<ObjectId, byte> _distrusted = new();

    internal ObjectStore(Repository repository, Dir objects)
    {
        _repository = repository;
        _objects = objects;
        _folders = new(objects);
        _sealer = new(this);
    }

    /// <summary>The hash of all digests.</summary>
    public VerityAlgorithm Algorithm => _repository.Algorithm;

    internal bool IsVerityRequired => _repository.Verity == VerityMode.Required;

    /// <summary>Starts an object whose content comes in pieces.</summary>
    public ObjectWriter CreateWriter()
    {
        _repository.RequireWritable();
        return new(this);
    }

    /// <summary>Stores content that is in memory, unless it is there already.</summary>
    public ObjectId Ensure(ReadOnlySpan<byte> content)
    {
        _repository.RequireWritable();
        ObjectId id = VerityHasher.Hash(Algorithm, content);
        Ensure(content, id);
        return id;
    }

    /// <summary>Stores several contents that are in memory, each unless it is there already.</summary>
    /// <param name="blocks">The contents, as <see cref="VerityHasher.HashEach"/> takes them.</param>
    /// <param name="lengths">Their lengths in bytes.</param>
    public ObjectId[] EnsureEach(ReadOnlySpan<byte> blocks, IReadOnlyList<int> lengths)
    {
        _repository.RequireWritable();
        ObjectId[] ids = VerityHasher.HashEach(Algorithm, blocks, lengths);
        int offset = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            Ensure(blocks.Slice(offset, lengths[i]), ids[i]);
            offset += VerityHasher.BlocksOf(lengths[i]) * VerityHasher.BlockSize;
        }

        return ids;
    }

    /// <summary>
    /// Stores the whole content of a file, which must have <paramref name="size"/> bytes; its blocks are shared where the file
    /// systems can. What is hashed, and shown to <paramref name="sink"/>, is what is stored, whatever happens to the file meanwhile.
    /// </summary>
    public ObjectId EnsureFrom(Fd source, long size, ContentSink? sink = null)
    {
        _repository.RequireWritable();
        FileStatus status = source.Status();
        RequireSize(source, status.Size, size);
        (uint, uint) device = (status.DeviceMajor, status.DeviceMinor);
        if (!_copiedFrom.ContainsKey(device))
        {
            using PendingFile file = CreatePending();
            if (file.File.TryReflinkFrom(source))
            {
                VerityHasher hasher = new(Algorithm);
                ContentSink append = hasher.Append;
                long stored = Read(file.File, append + sink);
                RequireSize(source, stored, size);
                return Adopt(file, hasher.Finish(), stored);
            }

            _copiedFrom.TryAdd(device, 0);
        }

        using ObjectWriter writer = CreateWriter();
        ContentSink write = writer.Write;
        long copied = Read(source, write + sink);
        RequireSize(source, copied, size);
        return writer.Finish();
    }

    /// <summary>Whether blocks may be shared with a file: false once that failed with its file system, so that it must be copied.</summary>
    public bool MayShareBlocksWith(Fd source)
    {
        FileStatus status = source.Status();
        return !_copiedFrom.ContainsKey((status.DeviceMajor, status.DeviceMinor));
    }

    /// <summary>Whether there is an object of that name; says nothing of its content.</summary>
    public bool Contains(ObjectId id) => _objects.Exists(id.ObjectPath);

    /// <summary>Length in bytes; a missing object is an <see cref="InvalidDataException"/>.</summary>
    public long SizeOf(ObjectId id) => TrySizeOf(id) ?? throw Missing(id);

    /// <summary>As <see cref="SizeOf"/>, but what was stored here in a new folder is not looked for.</summary>
    internal long StatedSizeOf(ObjectId id) => _folders.TrySizeOf(id) ?? SizeOf(id);

    /// <summary>Length in bytes; null where the object is missing.</summary>
    public long? TrySizeOf(ObjectId id) => _objects.TryStatus(id.ObjectPath)?.Size;

    /// <summary>Protects a sound object by fs-verity that is not protected yet, where kernel and file system can.</summary>
    public void EnsureSealed(ObjectId id) => IsStored(id, SizeOf(id));

    /// <summary>
    /// Whether an object is there and its content is what its name says, which is found by reading it where the kernel does not vouch for it.
    /// It is protected by fs-verity then, where kernel and file system can.
    /// </summary>
    public bool IsWhole(ObjectId id) => TrySizeOf(id) is { } size && IsStored(id, size);

    /// <summary>
    /// Has an object replaced, in one step, when its content is next stored, although it looks as if it were there. Until then whoever
    /// can make do with what is left of it does.
    /// </summary>
    public void Distrust(ObjectId id) => _distrusted.TryAdd(id, 0);

    /// <summary>
    /// Opens an object for reading. A digest that the kernel enforces must be its name; without one the object is refused where
    /// fs-verity is required. Content that the kernel does not vouch for is not read here: see <see cref="OpenVerified"/>.
    /// </summary>
    public Fd Open(ObjectId id)
    {
        (Fd file, _) = OpenMeasured(id);
        return file;
    }

    /// <summary>As <see cref="Open"/>, but the content is hashed where the kernel does not vouch for it.</summary>
    public Fd OpenVerified(ObjectId id)
    {
        (Fd file, bool measured) = OpenMeasured(id);
        try
        {
            if (!measured && !Hash(file).Equals(id))
            {
                throw new InvalidDataException($"the content of {file.Path} is not what its name says");
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A whole object, verified; one longer than <paramref name="limit"/> bytes is an <see cref="InvalidDataException"/>.</summary>
    public byte[] ReadBytes(ObjectId id, int limit)
    {
        (Fd file, _) = OpenMeasured(id);
        using (file)
        {
            long size = file.Status().Size;
            if (size > limit)
            {
                throw new InvalidDataException($"{file.Path} has {size} bytes, more than the {limit} it may have");
            }

            byte[] content = new byte[size];
            return file.ReadAt(content, 0) == size && VerityHasher.Hash(Algorithm, content).Equals(id)
                ? content
                : throw new InvalidDataException($"the content of {file.Path} is not what its name says");
        }
    }

    internal PendingFile CreatePending()
    {
        try
        {
            return PendingFile.Create(_objects);
        }
        catch (SyscallException e) when (IsFull(e))
        {
            throw Full(e);
        }
    }

    internal void Write(PendingFile file, ReadOnlySpan<byte> content)
    {
        try
        {
            file.Write(content);
        }
        catch (SyscallException e) when (IsFull(e))
        {
            throw Full(e);
        }
    }

    /// <summary>Stores a written file of known digest, unless it is there already.</summary>
    internal ObjectId Adopt(PendingFile file, ObjectId id, long size)
    {
        if (!_folders.MayHold(id) || !IsStored(id, size))
        {
            Link(file, id, size);
        }

        return id;
    }

    /// <summary>Whether the digest that the kernel enforces is this one; null where it enforces none.</summary>
    public static bool? MeasuresAs(Fd file, ObjectId id) =>
        FsVerity.TryMeasure(file) is var (algorithm, digest)
            ? algorithm == (uint)id.Algorithm && id.Digest.SequenceEqual(digest)
            : null;

    /// <summary>The digest of a file's content, from its beginning.</summary>
    internal ObjectId Hash(Fd file)
    {
        VerityHasher hasher = new(Algorithm);
        Read(file, hasher.Append);
        return hasher.Finish();
    }

    private void Ensure(ReadOnlySpan<byte> content, ObjectId id)
    {
        if (!_folders.MayHold(id) || !IsStored(id, content.Length))
        {
            using PendingFile file = CreatePending();
            Write(file, content);
            Link(file, id, content.Length);
        }
    }

    internal static long Read(Fd file, ContentSink sink)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long length = 0;
            for (int read; (read = file.ReadAt(buffer, length)) > 0; length += read)
            {
                sink(buffer.AsSpan(0, read));
            }

            return length;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void RequireSize(Fd source, long size, long expected)
    {
        if (size != expected)
        {
            throw new InvalidDataException($"{source.Path} has {size} bytes, {expected} expected");
        }
    }

    private static bool IsFull(SyscallException e) => e.Errno is Errno.ENOSPC or Errno.EDQUOT;

    private IOException Full(SyscallException e) => new($"there is no space left for the repository {_repository.Path}", e);

    private InvalidDataException Missing(ObjectId id) => new($"object {id} is missing from the repository {_repository.Path}");

    private (Fd File, bool IsMeasured) OpenMeasured(ObjectId id)
    {
        Fd file = _objects.TryOpenFile(id.ObjectPath) ?? throw Missing(id);
        try
        {
            bool? measured = MeasuresAs(file, id);
            return measured switch
            {
                false => throw new InvalidDataException($"{file.Path} has the fs-verity digest of other content than its name says"),
                null when IsVerityRequired => throw new InvalidDataException($"{file.Path} is not protected by fs-verity"),
                _ => (file, measured == true),
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether a sound object of that name is there. One without fs-verity may have been cut short by a power failure before
    /// anything named it, so it is sealed now or else read; false lets it be replaced.
    /// </summary>
    private bool IsStored(ObjectId id, long size)
    {
        if (_distrusted.ContainsKey(id))
        {
            return false;
        }

        using Fd? file = _objects.TryOpenFile(id.ObjectPath);
        if (file is null || file.Status().Size != size)
        {
            return false;
        }

        bool? measured = MeasuresAs(file, id);
        try
        {
            if (measured is null && FsVerity.TryEnable(file, (uint)Algorithm))
            {
                measured = MeasuresAs(file, id);
            }
        }
        catch (SyscallException e) when (ObjectSealer.IsBusy(e))
        {
            return false; // somebody else is at it, for as long as the file is long
        }

        return measured ?? (IsVerityRequired ? throw new VerityUnavailableException(file.Path) : Hash(file).Equals(id));
    }

    private void Link(PendingFile file, ObjectId id, long size)
    {
        try
        {
            string path = id.ObjectPath;
            _folders.Ensure(id);
            using PendingFile? copy = _sealer.Seal(file, id);
            if (!(copy ?? file).TryLink(path) && !IsStored(id, size))
            {
                (copy ?? file).LinkOver(path);
            }

            _folders.Add(id, size);
            if (size >= WrittenAtOnce)
            {
                (copy ?? file).File.BeginSync();
            }

            _distrusted.TryRemove(id, out _);
        }
        catch (SyscallException e) when (IsFull(e))
        {
            throw Full(e);
        }
    }
}
