using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>Where a disk keeps what its deployments may change, relative to the physical root. Upstream's names.</summary>
public static class StateLayout
{
    public const string Repository = "composefs";
    public const string Deployments = "state/deploy";

    /// <summary>In a deployment: what is to become its <c>/etc</c>, or was until then.</summary>
    public const string NewEtc = "etc.new";

    /// <summary>Images in podman's format: those that deployments bind.</summary>
    public const string BoundImages = $"{Repository}/bootc/storage";

    private const int MaxNameLength = 64;

    /// <summary>The state root of a disk whose installer named none.</summary>
    public const string DefaultStateroot = "default";

    /// <summary>The one /var that all deployments of a state root share.</summary>
    public static string Var(string stateroot) => $"state/os/{stateroot}/var";

    /// <summary>What the <c>var</c> of a deployment points to.</summary>
    public static string VarLink(string stateroot) => $"../../os/{stateroot}/var";

    /// <summary>Whether a state root may have this name, which becomes a directory's.</summary>
    public static bool IsStaterootName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    public static string Deployment(ObjectId id) => $"{Deployments}/{id}";

    public static string OriginName(ObjectId id) => $"{id}.origin";

    /// <summary>Makes the directories of an empty disk.</summary>
    public static void Create(Dir physicalRoot, string stateroot)
    {
        foreach (string path in (string[])["state", Deployments, "state/os", $"state/os/{stateroot}", "boot"])
        {
            physicalRoot.TryMakeDir(path);
        }

        CreateOwnFolder(physicalRoot);
    }

    /// <summary>Makes the folder for images that deployments bind, on a disk that has none.</summary>
    public static void CreateBoundImages(Dir physicalRoot)
    {
        CreateOwnFolder(physicalRoot);
        physicalRoot.TryMakeDir(BoundImages);
    }

    private static void CreateOwnFolder(Dir physicalRoot)
    {
        physicalRoot.TryMakeDir("ostree");
        physicalRoot.TryMakeDir($"{Repository}/bootc");

        // By this link images find the storage, be the backend composefs or ostree (/usr/lib/bootc/storage).
        physicalRoot.TrySymlink($"../{Repository}/bootc", "ostree/bootc");
    }
}
