using System.Collections.Immutable;
using System.Globalization;
using Bootc.Host.Configuration;
using Bootc.Linux;

namespace Bootc.Host.Health;

/// <summary>How a machine is found good: <c>*.toml</c> in <c>bootc/health.d</c>, where a key in a later file beats an earlier.</summary>
/// <param name="TimeLimit">How long each check may take.</param>
/// <param name="FailedUnits">Whether any unit that failed makes the machine bad.</param>
/// <param name="RequiredUnits">Units that have to be active.</param>
public sealed record HealthConfig(TimeSpan TimeLimit, bool FailedUnits, ImmutableArray<string> RequiredUnits)
{
    /// <summary>The folder below each of the folders for configuration.</summary>
    public const string Folder = "bootc/health.d";

    private static readonly TimeSpan MaxTimeLimit = TimeSpan.FromHours(1);

    public static HealthConfig Default { get; } = new(TimeSpan.FromMinutes(2), FailedUnits: false, []);

    /// <summary>Reads the files of a system; a mistake in one is a <see cref="FormatException"/> with file, line and key.</summary>
    public static HealthConfig Read(Dir root)
    {
        HealthConfig config = Default;
        foreach (ConfigFile file in ConfigFiles.FindLayered(root, Folder))
        {
            TomlTable table = TomlTable.Parse(file.Content, file.Path);
            config = new(
                table.String("time-limit") is { } limit ? ParseTime(limit) ?? throw table.Wrong("time-limit", "seconds, such as \"90s\", up to an hour") : config.TimeLimit,
                table.OneOf("failed-units", "ignore", "refuse") is { } policy ? policy == "refuse" : config.FailedUnits,
                table.Strings("required-units") ?? config.RequiredUnits);
            table.RefuseUnknown();
        }

        return config;
    }

    private static TimeSpan? ParseTime(string text) =>
        text.EndsWith('s') && int.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
        && seconds > 0 && seconds <= MaxTimeLimit.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
