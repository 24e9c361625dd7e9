using System.CommandLine;
using System.CommandLine.Parsing;
using Bootc.Host;

namespace Bootc.Commands;

/// <summary>
/// Options of upstream's bootc that this version knows but cannot honour yet. They are refused when used: ignoring them would
/// install something else than was asked for.
/// </summary>
internal sealed class UnavailableOptions
{
    private readonly List<Func<ParseResult, string?>> _checks = [];

    /// <summary>Adds an option whose use is refused.</summary>
    public void Add<T>(Command command, Option<T> option, Func<T?, bool>? unless = null)
    {
        option.Description = $"{option.Description} (not available yet)";
        command.Add(option);
        _checks.Add(parse => parse.GetResult(option) is { Implicit: false } && unless?.Invoke(parse.GetValue(option)) != true ? option.Name : null);
    }

    /// <summary>Refuses the first that is used.</summary>
    public void Check(ParseResult parse)
    {
        if (_checks.Select(check => check(parse)).FirstOrDefault(name => name is not null) is { } used)
        {
            string value = parse.Tokens.SkipWhile(t => t.Value != used).Skip(1).FirstOrDefault(t => t.Type == TokenType.Argument)?.Value is { } v ? $" {v}" : "";
            throw new BootcException($"{used}{value} is not available yet in this version of bootc; leave it out");
        }
    }
}
