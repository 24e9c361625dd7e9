using Microsoft.Extensions.Logging;

namespace Bootc.Host.Tests.Operations;

/// <summary>The programs that were started, as <see cref="Programs"/> logs them.</summary>
internal sealed class StartedPrograms : List<string>, ILogger<Programs>
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Add(formatter(state, exception).Replace("running ", "", StringComparison.Ordinal));
}
