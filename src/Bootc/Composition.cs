using Bootc.Rendering;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Bootc;

/// <summary>Makes what commands work with, when they run and not before, so that <c>--help</c> opens nothing.</summary>
internal static class Composition
{
    /// <summary>How much to log on stderr: a level of Microsoft.Extensions.Logging, such as <c>debug</c>; warnings if unset.</summary>
    private const string LogLevelVariable = "BOOTC_LOG";

    /// <summary>Logging to stderr. Disposing it writes what is still queued.</summary>
    public static LoggerFactory CreateLoggers()
    {
        LogLevel level = Enum.TryParse(Environment.GetEnvironmentVariable(LogLevelVariable), ignoreCase: true, out LogLevel wanted) ? wanted : LogLevel.Warning;
        ConsoleLoggerOptions console = new() { LogToStandardErrorThreshold = LogLevel.Trace, FormatterName = PlainConsoleFormatter.FormatterName };
        return new LoggerFactory(
            [new ConsoleLoggerProvider(new FixedOptions(console), [new PlainConsoleFormatter()])],
            new LoggerFilterOptions { MinLevel = level });
    }

    private sealed class FixedOptions(ConsoleLoggerOptions value) : IOptionsMonitor<ConsoleLoggerOptions>
    {
        public ConsoleLoggerOptions CurrentValue { get; } = value;

        public ConsoleLoggerOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<ConsoleLoggerOptions, string?> listener) => null;
    }
}
