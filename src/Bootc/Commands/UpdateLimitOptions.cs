using System.CommandLine;
using Bootc.Host.Configuration;
using Bootc.Oci.Registry;

namespace Bootc.Commands;

/// <summary>Options that count instead of what <c>bootc/update.d</c> says, and of what is remembered of an image.</summary>
internal sealed class UpdateLimitOptions
{
    private readonly Option<bool> _force = new("--force") { Description = "Stage the image even where it failed on this machine before" };

    private readonly Option<ByteLimit?> _maxRate = Limit(
        "--max-rate", TransferRate.Least, "RATE", "a rate such as 500K or 2M, at least 1K, or none",
        "Fetch at most so many bytes per second: a number with K, M or G, or none for no limit; otherwise max-rate in bootc/update.d counts");

    private readonly Option<ByteLimit?> _maxBytes = Limit(
        "--max-bytes", UpdateConfig.LeastBytes, "SIZE", "a size such as 300M or 2G, or none",
        "Refuse an image of which more bytes would have to be fetched: a number with K, M or G, or none for no limit; otherwise max-bytes in bootc/update.d counts");

    private readonly Option<bool> _allowDowngrade = new("--allow-downgrade")
    {
        Description = "Take an image that was built before the one that is here, even where refuse-older in bootc/update.d says not to",
    };

    private readonly Option<DirectoryInfo[]> _contentFrom = ContentFrom();

    /// <summary>All of them.</summary>
    public Option[] All => [_force, _maxRate, _maxBytes, _allowDowngrade, _contentFrom];

    public void AddTo(Command command)
    {
        foreach (Option option in All)
        {
            command.Add(option);
        }
    }

    public UpdateOverrides Read(ParseResult parse) => new(parse.GetValue(_maxRate), parse.GetValue(_maxBytes), parse.GetValue(_allowDowngrade))
    {
        ContentFrom = [.. Folders(parse, _contentFrom)],
        Force = parse.GetValue(_force),
    };

    /// <summary>The option that names folders with files of images.</summary>
    public static Option<DirectoryInfo[]> ContentFrom() => new("--content-from")
    {
        Description = "A folder that may have files of the image, which then need not be fetched where the image says which it has (zstd:chunked); may be repeated",
        HelpName = "DIR",
    };

    /// <summary>The absolute paths that <see cref="ContentFrom"/> was given.</summary>
    public static IEnumerable<string> Folders(ParseResult parse, Option<DirectoryInfo[]> contentFrom) =>
        (parse.GetValue(contentFrom) ?? []).Select(folder => folder.FullName);

    private static Option<ByteLimit?> Limit(string name, long least, string helpName, string wanted, string description) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!ByteLimit.TryParse(text, least, out ByteLimit? limit))
            {
                result.AddError($"{name} \"{text}\" is not {wanted}");
            }

            return limit;
        },
    };
}
