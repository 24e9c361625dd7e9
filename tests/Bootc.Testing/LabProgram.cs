using CliWrap;
using CliWrap.Buffered;

namespace Bootc.Testing;

/// <summary>What a program of the lab printed.</summary>
public sealed record ProgramOutput(int ExitCode, string Output, string Error)
{
    /// <summary>Both streams, for a message that says why a test failed.</summary>
    public override string ToString() => $"exit {ExitCode}\n{Output}{Error}".TrimEnd();
}

/// <summary>Runs programs by a list of arguments, without a shell.</summary>
public static class LabProgram
{
    /// <summary>Runs a program and returns what it printed, whatever its exit code.</summary>
    public static Task<ProgramOutput> TryRunAsync(
        string program, IEnumerable<string> arguments, CancellationToken cancellationToken = default) =>
        TryRunAsync(Cli.Wrap(program).WithArguments(arguments), cancellationToken);

    /// <inheritdoc cref="TryRunAsync(string, IEnumerable{string}, CancellationToken)"/>
    public static async Task<ProgramOutput> TryRunAsync(Command command, CancellationToken cancellationToken = default)
    {
        BufferedCommandResult result =
            await command.WithValidation(CommandResultValidation.None).ExecuteBufferedAsync(cancellationToken);
        return new(result.ExitCode, result.StandardOutput, result.StandardError);
    }

    /// <summary>Runs a program that has to succeed and returns what it printed on stdout.</summary>
    /// <exception cref="InvalidOperationException">The exit code is not 0; the message holds what was printed.</exception>
    public static Task<string> RunAsync(
        string program, IEnumerable<string> arguments, CancellationToken cancellationToken = default) =>
        RunAsync(Cli.Wrap(program).WithArguments(arguments), cancellationToken);

    /// <inheritdoc cref="RunAsync(string, IEnumerable{string}, CancellationToken)"/>
    public static async Task<string> RunAsync(Command command, CancellationToken cancellationToken = default)
    {
        ProgramOutput result = await TryRunAsync(command, cancellationToken);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{command.TargetFilePath} {command.Arguments}: {result}");
    }
}
