using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>A disk at a moment when nothing was under way.</summary>
/// <param name="Boot">Its boot partition.</param>
/// <param name="Root">Its root.</param>
public sealed record QuietDisk(BootPartitionVerdict Boot, RootVerdict Root);

/// <summary>What an image needs, as <c>composefs-info</c> of the C project tells it.</summary>
/// <param name="Objects">The objects of its files, and its own.</param>
/// <param name="Sizes">Their sizes.</param>
/// <param name="New">SHA-256 of those that were written while the machine was recorded.</param>
public sealed record NeededObjects(ImmutableArray<string> Objects, ImmutableDictionary<string, long> Sizes, ImmutableDictionary<string, string> New)
{
    /// <summary>Reads what an image needs.</summary>
    /// <param name="repository">The folder of a repository in which it is whole.</param>
    /// <param name="root">What is in it.</param>
    /// <param name="id">The image.</param>
    /// <param name="isNew">Whether an object was not there at first.</param>
    public static async Task<NeededObjects> ReadAsync(string repository, RootVerdict root, string id, Func<string, bool> isNew)
    {
        DebianTree sid = await Lab.SidTree;
        string own = root.Images[id];
        string list = await sid.RunAsync("composefs-info", ["objects", Path.Join(repository, "objects", own)]);
        ImmutableArray<string> objects = [own, .. list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim())];
        return new(
            objects,
            objects.ToImmutableDictionary(name => name, name => root.Objects[name]),
            objects.Where(isNew).ToImmutableDictionary(name => name, name => HashOf(Path.Join(repository, "objects", name))));
    }

    /// <summary>What of it is missing or damaged; null where it is whole.</summary>
    public string? FindDamage(string repository, RootVerdict root)
    {
        foreach (string name in Objects)
        {
            if (!root.Objects.TryGetValue(name, out long size))
            {
                return $"object {name} is missing";
            }

            if (size != Sizes[name])
            {
                return string.Create(CultureInfo.InvariantCulture, $"object {name} has {size} bytes in place of {Sizes[name]}");
            }

            if (New.TryGetValue(name, out string? hash) && HashOf(Path.Join(repository, "objects", name)) != hash)
            {
                return $"object {name} has other content";
            }
        }

        return null;
    }

    private static string HashOf(string file)
    {
        using FileStream content = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }
}

/// <summary>What every state of an operation has to be like.</summary>
/// <param name="Before">The disk before it; null where nothing booted from it, so that nothing need boot from it in between either.</param>
/// <param name="After">The disk after it.</param>
/// <param name="Images">What the images of the two deployments need.</param>
public sealed record Expectation(QuietDisk? Before, QuietDisk After, ImmutableDictionary<string, NeededObjects> Images)
{
    /// <summary>What is wrong with a boot partition; null where nothing is.</summary>
    public string? FindProblem(BootPartitionVerdict boot) => Before is null && !boot.HasEntries ? null :
        boot.Problem
        ?? (boot.Text != Before?.Boot.Text && boot.Text != After.Boot.Text ? $"the menu is neither the old one nor the new one: {boot.Text}" : null)
        ?? boot.Kernels.Where(kernel => !IsKnown(kernel.Key, kernel.Value)).Select(kernel => $"{kernel.Key} is not what was written").FirstOrDefault();

    /// <summary>What is wrong with a root beside a good boot partition; null where nothing is.</summary>
    public string? FindProblem(BootPartitionVerdict boot, RootVerdict root, string repository)
    {
        bool isNew = boot.Text == After.Boot.Text && After.Boot.Text != Before?.Boot.Text;
        foreach (string id in boot.Deployments)
        {
            if (!root.Deployments.TryGetValue(id, out DeploymentVerdict? deployment))
            {
                return $"the menu names {id}, which has no state";
            }

            DeploymentVerdict[] allowed = [.. new[] { isNew ? null : Before?.Root.Deployments.GetValueOrDefault(id), After.Root.Deployments.GetValueOrDefault(id) }.OfType<DeploymentVerdict>()];
            if (!allowed.Contains(deployment))
            {
                return $"the state of {id} is {deployment} in place of {string.Join(" or ", allowed.Select(one => one.ToString()))}";
            }

            if (!root.Images.ContainsKey(id))
            {
                return $"the menu names {id}, which has no image";
            }
        }

        // What has a name is whole, whether something boots by it or not: whoever finds the name does not look further.
        return root.Images.Keys.Where(Images.ContainsKey).Select(id => Images[id].FindDamage(repository, root) is { } damage ? $"image {id}: {damage}" : null)
            .FirstOrDefault(problem => problem is not null);
    }

    private bool IsKnown(string kernel, string content) =>
        content == Before?.Boot.Kernels.GetValueOrDefault(kernel) || content == After.Boot.Kernels.GetValueOrDefault(kernel);
}
