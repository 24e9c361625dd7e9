namespace Bootc.Host.Operations;

/// <summary>/run/.containerenv, in which podman tells a privileged container about itself; empty or absent values are "".</summary>
/// <param name="Engine">For example <c>podman-5.4.2</c>.</param>
/// <param name="Image">The image by the name podman was given or knows.</param>
/// <param name="ImageId">The id of the image that this container runs, without <c>sha256:</c>.</param>
/// <param name="Rootless">Whether podman runs without root.</param>
public sealed record ContainerEnvironment(string Engine, string Image, string ImageId, bool Rootless)
{
    /// <summary>Reads lines of <c>key="value"</c>; unknown keys are skipped.</summary>
    public static ContainerEnvironment Parse(string text)
    {
        Dictionary<string, string> values = [];
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                values[line[..equals]] = line[(equals + 1)..].Trim('"');
            }
        }

        return new(Value("engine"), Value("image"), Value("imageid"), Value("rootless") == "1");

        string Value(string key) => values.GetValueOrDefault(key, "");
    }
}
