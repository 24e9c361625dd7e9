using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Deployments;
using Bootc.Host.Images;
using Bootc.Oci;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// Everything in a repository that belongs to the image of a deployment, as far as it can be followed. What cannot be read ends there:
/// the check of the repository names it.
/// </summary>
internal sealed class ImageParts
{
    private readonly Repository _repository;
    private readonly HashSet<string> _paths = [];
    private readonly List<string> _missing = [];

    private ImageParts(Repository repository) => _repository = repository;

    /// <summary>The paths in the repository, those of missing parts too.</summary>
    public IReadOnlySet<string> Paths => _paths;

    /// <summary>The paths of names and references that should be there and are not.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>The files of the image; null where they cannot be read.</summary>
    public ImageFiles? Files { get; private set; }

    /// <summary>Follows an image.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="deployment">The image that boots.</param>
    /// <param name="manifest">The digest of the manifest that it was made of; null where nobody knows.</param>
    public static ImageParts Of(Repository repository, ObjectId deployment, string? manifest)
    {
        ImageParts parts = new(repository);
        Follow(() => parts.AddImage(deployment));
        if (Digest.TryParse(manifest, out Digest digest))
        {
            parts.AddReference(digest);
            Follow(() => parts.AddManifest(digest));
        }

        return parts;
    }

    private static void Follow(Action follow)
    {
        try
        {
            follow();
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            // Which of the parts is damaged is found where all objects are read.
        }
    }

    private void AddImage(ObjectId deployment)
    {
        string path = $"images/{deployment}";
        _paths.Add(path);
        AddObject(deployment);
        if (!_repository.Images.Contains(deployment))
        {
            _missing.Add(path);
            return;
        }

        Files = DeploymentStore.OpenFiles(_repository, deployment);
        foreach (TreeEntry entry in Files.Tree.Walk())
        {
            if (entry.Inode is Inode.ObjectFile { Id: var content })
            {
                AddObject(content);
            }
        }
    }

    private void AddReference(Digest manifest)
    {
        string path = _repository.Streams.PathOfReference(ImageNames.ReferenceCategory, ImageNames.Reference(manifest));
        _paths.Add(path);
        Follow(() =>
        {
            if (_repository.Streams.TryFindReference(ImageNames.ReferenceCategory, ImageNames.Reference(manifest)) is null)
            {
                _missing.Add(path);
            }
        });
    }

    private void AddManifest(Digest digest)
    {
        string name = ImageNames.Manifest(digest);
        AddStream(name);
        Manifest manifest = Manifest.Parse(DeploymentStore.ReadDocument(_repository, name));
        string configName = ImageNames.Config(manifest.Config.Digest);
        AddStream(configName);
        Follow(() =>
        {
            using SplitStreamReader config = _repository.Streams.Open(configName);
            foreach (ObjectId image in ImageNames.Referred(config, ImageNames.Image))
            {
                _paths.Add($"images/{image}");
                AddObject(image);
            }
        });
        foreach (DiffId layer in ImageConfig.Parse(DeploymentStore.ReadDocument(_repository, configName)).RootFs.DiffIds)
        {
            AddStream(LayerStore.NameOf(layer));
        }
    }

    private void AddStream(string name)
    {
        string path = $"streams/{name}";
        _paths.Add(path);
        Follow(() =>
        {
            if (_repository.Streams.TryFind(name) is not { } id)
            {
                _missing.Add(path);
                return;
            }

            AddObject(id);
            using SplitStreamReader stream = SplitStreamReader.Open(_repository.Objects, id);
            foreach (ObjectId content in stream.ObjectReferences)
            {
                AddObject(content);
            }
        });
    }

    private void AddObject(ObjectId id) => _paths.Add($"objects/{id.ObjectPath}");
}
