using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>Where a disk keeps what its deployments may change, relative to the physical root. Upstream's names.</summary>
public static class StateLayout
{
    public const string Repository = "composefs";
    public const string Deployments = "state/deploy";

    /// <summary>The one /var that all deployments share.</summary>
    public const string Var = "state/os/default/var";

    /// <summary>What the <c>var</c> of a deployment points to.</summary>
    public const string VarLink = "../../os/default/var";

    public static string Deployment(ObjectId id) => $"{Deployments}/{id}";

    public static string OriginName(ObjectId id) => $"{id}.origin";

    /// <summary>Makes the directories of an empty disk.</summary>
    public static void Create(Dir physicalRoot)
    {
        foreach (string path in (string[])["state", Deployments, "state/os", "state/os/default", "boot", "ostree", $"{Repository}/bootc"])
        {
            physicalRoot.TryMakeDir(path);
        }

        // By this link upstream finds its private container storage.
        physicalRoot.TrySymlink($"../{Repository}/bootc", "ostree/bootc");
    }
}
