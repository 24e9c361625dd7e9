using System.Collections.Immutable;
using Bootc.Linux;
using Bootc.Oci.Registry;

namespace Bootc.Host.Configuration;

/// <summary>
/// How updates are fetched, and which are refused: the table <c>[update]</c> of <c>*.toml</c> in <c>bootc/update.d</c>, where a key in a later file beats an
/// earlier.
/// </summary>
/// <param name="MaxRate">Bytes per second of all that is fetched.</param>
/// <param name="MaxBytes">Bytes of layers that one update may fetch.</param>
/// <param name="RefuseOlder">Whether an image that was built before the one that is here is refused.</param>
/// <param name="ContentFrom">Folders in which files of images may be, so that they need not be fetched; absolute paths.</param>
public sealed record UpdateConfig(ByteLimit MaxRate, ByteLimit MaxBytes, bool RefuseOlder, ImmutableArray<string> ContentFrom)
{
    /// <summary>The folder below each of the folders for configuration.</summary>
    public const string Folder = "bootc/update.d";

    /// <summary>The lowest <see cref="MaxBytes"/>: what may fetch nothing is no update.</summary>
    public const long LeastBytes = 1;

    public static UpdateConfig Default { get; } = new(ByteLimit.None, ByteLimit.None, RefuseOlder: false, ContentFrom: []);

    /// <summary>Reads the files of a system; a mistake in one is a <see cref="FormatException"/> with file, line and key.</summary>
    public static UpdateConfig Read(Dir root) => ConfigFiles.FindLayered(root, Folder).Aggregate(Default, (config, file) => config.With(file));

    /// <summary>This configuration with what the command line says over it.</summary>
    public UpdateConfig With(UpdateOverrides overrides) =>
        new(overrides.MaxRate ?? MaxRate, overrides.MaxBytes ?? MaxBytes, RefuseOlder && !overrides.AllowDowngrade, ContentFrom.AddRange(overrides.ContentFrom));

    private UpdateConfig With(ConfigFile later)
    {
        TomlTable file = TomlTable.Parse(later.Content, later.Path);
        TomlTable? update = file.Table("update");
        file.RefuseUnknown();
        if (update is null)
        {
            return this;
        }

        UpdateConfig config = new(
            Limit(update, "max-rate", TransferRate.Least, "bytes per second: a number of at least 1024, or such as \"500K\" or \"2M\", or \"none\"") ?? MaxRate,
            Limit(update, "max-bytes", LeastBytes, "bytes: a number, or such as \"300M\" or \"2G\", or \"none\"") ?? MaxBytes,
            update.Flag("refuse-older") ?? RefuseOlder,
            update.Strings("content-from") ?? ContentFrom);
        if (config.ContentFrom.Any(folder => !folder.StartsWith('/')))
        {
            throw update.Wrong("content-from", "absolute paths of folders");
        }

        update.RefuseUnknown();
        return config;
    }

    private static ByteLimit? Limit(TomlTable table, string key, long least, string wanted) =>
        table.Amount(key) is not { } text ? null
        : ByteLimit.TryParse(text, least, out ByteLimit? limit) ? limit
        : throw table.Wrong(key, wanted);
}

/// <summary>What the command line says against <see cref="UpdateConfig"/>, and against what is remembered of an image.</summary>
/// <param name="MaxRate">Instead of the rate there; null to keep it.</param>
/// <param name="MaxBytes">Instead of the number there; null to keep it.</param>
/// <param name="AllowDowngrade">Whether an older image is taken all the same.</param>
public sealed record UpdateOverrides(ByteLimit? MaxRate = null, ByteLimit? MaxBytes = null, bool AllowDowngrade = false)
{
    /// <summary>Folders beside those there; absolute paths.</summary>
    public ImmutableArray<string> ContentFrom { get; init; } = [];

    /// <summary>Whether an image is staged although it failed on this machine before.</summary>
    public bool Force { get; init; }
}
