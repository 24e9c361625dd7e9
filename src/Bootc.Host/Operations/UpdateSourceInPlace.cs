using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Deployments;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>
/// <c>bootc switch --mutate-in-place</c>: writes another update source into the records of a deployment and fetches nothing. It is for
/// installers, which leave the machine with the image that it was installed from, but are to make it follow another.
/// </summary>
public static class UpdateSourceInPlace
{
    /// <summary>Changes the deployment that boots next: the staged or booted one of a machine, or the only one under <c>/sysroot</c>.</summary>
    /// <returns>The deployment.</returns>
    public static async Task<ObjectId> ChangeAsync(Programs programs, Steps steps, FollowedImage followed, CancellationToken cancellationToken)
    {
        using Dir root = Dir.Open("/");
        if (Machine.FindBooted(root) is not null)
        {
            using Machine machine = await Machine.OpenForWritingAsync(programs, steps, cancellationToken);
            return Change(machine.Deployments, machine.Staged?.Id ?? machine.Booted.Id, followed);
        }

        using Dir sysroot = root.TryOpenDir("sysroot") ?? throw new BootcException("there is no deployment to change: /sysroot is missing");
        return ChangeOnly(new(sysroot), followed);
    }

    /// <summary>Changes the one deployment that there is.</summary>
    internal static ObjectId ChangeOnly(DeploymentStore deployments, FollowedImage followed)
    {
        ImmutableArray<ObjectId> ids = deployments.Ids();
        return ids.Length == 1
            ? Change(deployments, ids[0], followed)
            : throw new BootcException($"there has to be one deployment in /sysroot/{StateLayout.Deployments}, and there are {ids.Length}; which one boots is not known here");
    }

    /// <summary>Changes one.</summary>
    internal static ObjectId Change(DeploymentStore deployments, ObjectId id, FollowedImage followed)
    {
        deployments.WriteOrigin(id, deployments.ReadOrigin(id).WithReference(followed.ToString()).WithPolicyEnforced(followed.IsPolicyEnforced));
        return id;
    }
}
