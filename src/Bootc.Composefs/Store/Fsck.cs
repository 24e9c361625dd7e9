using System.Collections.Concurrent;
using System.Security.Cryptography;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Tree;
using Bootc.Linux;
using Bootc.Linux.Verity;

namespace Bootc.Composefs.Store;

/// <summary>
/// Checks a whole repository: every object is what its name says, every name stands for something whole. Reads everything and
/// changes nothing.
/// </summary>
public sealed class Fsck
{
    // Content that a stream's name states the digest of, whatever kind of stream it is (specification §5.1).
    private const string DigestMark = "sha256:";

    private readonly Repository _repository;
    private readonly CancellationToken _cancellation;
    private readonly bool _isSealed;
    private readonly ConcurrentBag<Finding> _findings = [];

    private Fsck(Repository repository, CancellationToken cancellationToken)
    {
        _repository = repository;
        _cancellation = cancellationToken;
        using Fd? config = repository.Root.TryOpenFile(RepositoryConfig.FileName);
        _isSealed = config is not null && FsVerity.TryMeasure(config) is not null;
    }

    /// <summary>All that is wrong, by path; nothing where all is well. Objects must have fs-verity where <c>meta.json</c> has it.</summary>
    public static IReadOnlyList<Finding> Run(Repository repository, CancellationToken cancellationToken = default)
    {
        Fsck fsck = new(repository, cancellationToken);
        fsck.CheckRoot();
        fsck.CheckObjects();
        fsck.CheckStreams();
        fsck.CheckImages();
        return [.. fsck._findings.OrderBy(f => f.Path, StringComparer.Ordinal)];
    }

    /// <summary>Whether there is an object of that name and its content, all of which is read, is what the name says.</summary>
    public static bool IsSound(Repository repository, ObjectId id)
    {
        using Dir objects = repository.Root.OpenDir(Repository.ObjectsName);
        if (objects.TryStatus(id.ObjectPath)?.Kind != FileKind.Regular)
        {
            return false;
        }

        try
        {
            using Fd file = objects.OpenFile(id.ObjectPath);
            return ObjectStore.MeasuresAs(file, id) != false && repository.Objects.Hash(file).Equals(id);
        }
        catch (IOException)
        {
            return false; // a block cannot be read
        }
    }

    private void CheckRoot()
    {
        foreach (DirEntry entry in _repository.Root.Entries())
        {
            // bootc/ holds the storage of containers that belong to the system.
            if (entry.Text is not (RepositoryConfig.FileName or Repository.ObjectsName or "streams" or "images" or "bootc" or UnfinishedImport.FolderName))
            {
                LeftOver(entry.Text, "is not part of a repository");
            }
        }
    }

    private void CheckObjects()
    {
        using Dir objects = _repository.Root.OpenDir(Repository.ObjectsName);
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = _cancellation };
        Parallel.ForEach(objects.Entries(), options, prefix =>
        {
            string path = $"{Repository.ObjectsName}/{prefix.Text}";
            if (prefix.Kind != FileKind.Directory || prefix.Text.Length != 2)
            {
                LeftOver(path, "is not a directory of objects");
                return;
            }

            using Dir folder = objects.OpenDir(prefix.Name);
            foreach (DirEntry entry in folder.Entries())
            {
                _cancellation.ThrowIfCancellationRequested();
                Try($"{path}/{entry.Text}", p => CheckObject(folder, prefix.Text, entry, p));
            }
        });
    }

    private void CheckObject(Dir folder, string prefix, DirEntry entry, string path)
    {
        if (!ObjectId.TryParse(prefix + entry.Text, out ObjectId? id) || id.Algorithm != _repository.Algorithm)
        {
            LeftOver(path, "is not named as an object of this repository");
            return;
        }

        if (entry.Kind != FileKind.Regular)
        {
            Damage(path, "is not a regular file");
            return;
        }

        using Fd file = folder.OpenFile(entry.Name);
        if (ObjectStore.MeasuresAs(file, id) is not { } measured)
        {
            if (_isSealed)
            {
                Damage(path, "is not protected by fs-verity, although the repository is");
            }
        }
        else if (!measured)
        {
            Damage(path, "has the fs-verity digest of other content than its name says");
        }

        if (!_repository.Objects.Hash(file).Equals(id))
        {
            Damage(path, "has other content than its name says");
        }
    }

    private void CheckStreams()
    {
        LinkFolder links = _repository.Streams.Links;
        CheckLinks(links, (path, name, id) =>
        {
            using SplitStreamReader reader = SplitStreamReader.Open(_repository.Objects, id);
            foreach (ObjectId missing in reader.StreamReferences.Where(r => !_repository.Objects.Contains(r)))
            {
                Damage(path, $"refers to object {missing}, which is missing");
            }

            string digest = DigestOf(reader);
            int mark = name.IndexOf(DigestMark, StringComparison.Ordinal);
            if (mark >= 0 && digest != name[(mark + DigestMark.Length)..])
            {
                Damage(path, $"has content whose digest is {DigestMark}{digest}");
            }
        });
    }

    private static string DigestOf(SplitStreamReader stream)
    {
        using SHA256 sha = SHA256.Create();
        using CryptoStream content = new(Stream.Null, sha, CryptoStreamMode.Write);
        stream.CopyTo(content);
        content.FlushFinalBlock();
        return Convert.ToHexStringLower(sha.Hash!);
    }

    private void CheckImages()
    {
        CheckLinks(_repository.Images.Links, (path, name, id) =>
        {
            if (name != id.ToString())
            {
                Damage(path, $"stands for image {id}");
            }

            FileTree tree = ErofsReader.Read(_repository.Objects.ReadBytes(id, ErofsReader.MaxImageSize));
            foreach (Inode.ObjectFile file in tree.Walk().Select(e => e.Inode).OfType<Inode.ObjectFile>().DistinctBy(f => (f.Id, f.Size)))
            {
                _cancellation.ThrowIfCancellationRequested();
                long? size = _repository.Objects.TrySizeOf(file.Id);
                if (size != file.Size)
                {
                    Damage(path, size is null
                        ? $"names object {file.Id}, which is missing"
                        : $"names object {file.Id} as having {file.Size} bytes, but it has {size}");
                }
            }
        });
    }

    private void CheckLinks(LinkFolder links, Action<string, string, ObjectId> check)
    {
        foreach (string stray in links.Strays())
        {
            LeftOver(stray, "is not a symbolic link");
        }

        foreach (string name in links.Names())
        {
            _cancellation.ThrowIfCancellationRequested();
            Try(links.PathOf(name), path => check(path, name, links.TryFind(name) ?? throw NotUtf8()));
        }

        foreach (string reference in links.References())
        {
            Try(reference, path =>
            {
                string name = links.TryFindReference(path) ?? throw NotUtf8();
                if (links.TryFind(name) is null)
                {
                    Damage(path, $"points to {links.PathOf(name)}, which is missing");
                }
            });
        }
    }

    // It was listed a moment ago, and with the bytes that text makes of its name it is not found.
    private static InvalidDataException NotUtf8() => new("has a name that is not UTF-8");

    private void Try(string path, Action<string> check)
    {
        try
        {
            check(path);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException)
        {
            Damage(path, e.Message);
        }
    }

    private void Damage(string path, string problem) => _findings.Add(new(true, path, problem));

    private void LeftOver(string path, string problem) => _findings.Add(new(false, path, problem));
}
