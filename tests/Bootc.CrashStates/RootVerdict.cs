using System.Collections.Immutable;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>The state directory of a deployment.</summary>
/// <param name="Etc">SHA-256 of a tar of its <c>/etc</c>.</param>
/// <param name="Var">What its <c>var</c> points to.</param>
/// <param name="Origin">The size of its origin.</param>
public sealed record DeploymentVerdict(string Etc, string Var, string Origin);

/// <summary>What find, tar and readlink saw on a root.</summary>
/// <param name="Deployments">By id.</param>
/// <param name="Images">The images that have a name, and the object behind it.</param>
/// <param name="Objects">The size of each object.</param>
public sealed record RootVerdict(
    ImmutableDictionary<string, DeploymentVerdict> Deployments,
    ImmutableDictionary<string, string> Images,
    ImmutableDictionary<string, long> Objects)
{
    /// <summary>Nothing.</summary>
    public static RootVerdict Empty { get; } = new(
        ImmutableDictionary<string, DeploymentVerdict>.Empty, ImmutableDictionary<string, string>.Empty, ImmutableDictionary<string, long>.Empty);

    // Neither times that reading changes, nor the number of tar's process.
    private const string Look =
        """
        cd "$1"
        for d in state/deploy/[0-9a-f]*; do
          [ -d "$d" ] || continue
          id=${d##*/}
          printf 'deployment %s %s %s %s\n' "$id" \
            "$(tar -C "$d" --sort=name --numeric-owner --xattrs --pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime -c etc 2>&1 | sha256sum | cut -c1-64)" \
            "$(readlink "$d/var" || echo none)" "$(stat -c %s "$d/$id.origin" 2>/dev/null || echo none)"
        done
        for i in composefs/images/*; do
          [ -h "$i" ] && printf 'image %s %s\n' "${i##*/}" "$(readlink "$i")"
        done
        [ ! -d composefs/objects ] || find composefs/objects -type f -printf 'object %P %s\n'
        """;

    /// <summary>Looks at a root.</summary>
    /// <param name="path">The folder it is mounted at.</param>
    public static async Task<RootVerdict> LookAsync(string path)
    {
        string seen = await LabProgram.RunAsync("sh", ["-c", Look, "look", path]);
        ImmutableDictionary<string, DeploymentVerdict>.Builder deployments = ImmutableDictionary.CreateBuilder<string, DeploymentVerdict>();
        ImmutableDictionary<string, string>.Builder images = ImmutableDictionary.CreateBuilder<string, string>();
        ImmutableDictionary<string, long>.Builder objects = ImmutableDictionary.CreateBuilder<string, long>();
        foreach (string line in seen.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (line.Split(' '))
            {
                case ["deployment", var id, var etc, var var, var origin]:
                    deployments[id] = new(etc, var, origin);
                    break;
                case ["image", var name, var target]:
                    images[name] = Path.GetRelativePath("/objects", Path.GetFullPath(target, "/images"));
                    break;
                case ["object", var name, var size]:
                    objects[name] = long.Parse(size);
                    break;
                default:
                    throw new InvalidDataException($"{path}: {line}");
            }
        }

        return new(deployments.ToImmutable(), images.ToImmutable(), objects.ToImmutable());
    }
}
