using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Text;
using Bootc.Linux;
using CliWrap;
using Microsoft.Extensions.Logging;

namespace Bootc.Host;

/// <summary>What a program that ran to its end left behind.</summary>
/// <param name="ExitCode">0 says that it succeeded.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="LastWords">The end of what it wrote, for an error message: empty, or after a colon.</param>
public sealed record ProgramResult(int ExitCode, string Output, string LastWords);

/// <summary>A program was ended because the token asked for it.</summary>
/// <param name="lastWords">The end of what it had written, as in <see cref="ProgramResult"/>.</param>
/// <param name="cause">What ended it.</param>
public sealed class ProgramEndedException(string lastWords, OperationCanceledException cause) : OperationCanceledException(cause.Message, cause, cause.CancellationToken)
{
    /// <summary>The end of what it had written: empty, or after a colon.</summary>
    public string LastWords { get; } = lastWords;
}

/// <summary>The only place from which other programs are run: by a list of arguments, never through a shell.</summary>
public sealed class Programs(ILogger<Programs> logger)
{
    /// <summary>How much of a program's last words goes into an error message.</summary>
    private const int LastWordsLimit = 400;

    /// <summary>Whether a directory of PATH has a program of this name.</summary>
    public static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Any(path =>
        {
            using Dir? directory = Dir.TryOpen(path);
            return directory?.Exists(program) == true;
        });

    /// <summary>Runs a program to its end and gives its standard output. A failure ends with the program's own last words.</summary>
    /// <param name="program">Name, found on PATH.</param>
    /// <param name="arguments">Passed as they are.</param>
    /// <param name="input">Standard input; nothing if null.</param>
    /// <param name="environment">Variables on top of this process's own.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public async Task<string> RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        Stream? input = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        CancellationToken cancellationToken = default)
    {
        ProgramResult result = await TryRunAsync(program, arguments, input, environment, cancellationToken);
        return OutputOf(program, arguments, result);
    }

    /// <summary>
    /// As <see cref="RunAsync"/>, with a standard input that is made while the program reads it. Where making it fails the input ends there, and that
    /// failure counts, not what the program makes of half an input.
    /// </summary>
    /// <param name="program">Name, found on PATH.</param>
    /// <param name="arguments">Passed as they are.</param>
    /// <param name="feed">Writes the input.</param>
    /// <param name="environment">Variables on top of this process's own.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public async Task<string> FeedAsync(
        string program,
        IReadOnlyList<string> arguments,
        Func<Stream, CancellationToken, Task> feed,
        IReadOnlyDictionary<string, string?> environment,
        CancellationToken cancellationToken)
    {
        Exception? failure = null;
        PipeSource source = PipeSource.Create(async (input, hasEnded) =>
        {
            try
            {
                await feed(input, hasEnded);
            }
            catch (Exception e)
            {
                // Where the program has ended, its exit code says why.
                failure = e is OperationCanceledException || Failure.IsBrokenPipe(e) ? null : e;
            }
        });
        try
        {
            return OutputOf(program, arguments, await ExecuteAsync(program, arguments, source, environment, cancellationToken));
        }
        finally
        {
            if (failure is not null)
            {
                ExceptionDispatchInfo.Throw(failure);
            }
        }
    }

    /// <summary>As <see cref="RunAsync"/>, of a program whose exit code says more than that it failed.</summary>
    public Task<ProgramResult> TryRunAsync(
        string program,
        IReadOnlyList<string> arguments,
        Stream? input = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        CancellationToken cancellationToken = default) =>
        ExecuteAsync(program, arguments, input is null ? PipeSource.Null : PipeSource.FromStream(input), environment, cancellationToken);

    /// <summary>Runs a program that itself talks to the user, on the terminal of this process.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> RunOnTerminalAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        logger.LogDebug("running {Program} {Arguments}", program, string.Join(' ', arguments));
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments))!;
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw new BootcException($"{program} could not be started", e);
        }
    }

    private static string OutputOf(string program, IReadOnlyList<string> arguments, ProgramResult result) =>
        result.ExitCode == 0
            ? result.Output
            : throw new BootcException($"{string.Join(' ', [program, .. arguments])}: exit code {result.ExitCode}{result.LastWords}");

    private async Task<ProgramResult> ExecuteAsync(
        string program, IReadOnlyList<string> arguments, PipeSource input, IReadOnlyDictionary<string, string?>? environment, CancellationToken cancellationToken)
    {
        StringBuilder output = new();
        StringBuilder error = new();
        Command command = Cli.Wrap(program)
            .WithArguments(arguments)
            .WithEnvironmentVariables(environment ?? new Dictionary<string, string?>())
            .WithStandardInputPipe(input)
            .WithStandardOutputPipe(PipeTarget.ToStringBuilder(output))
            .WithStandardErrorPipe(PipeTarget.ToStringBuilder(error))
            .WithValidation(CommandResultValidation.None);
        logger.LogDebug("running {Program} {Arguments}", program, string.Join(' ', arguments));
        try
        {
            CommandResult result = await command.ExecuteAsync(cancellationToken);
            return new(result.ExitCode, output.ToString(), LastWords());
        }
        catch (OperationCanceledException e)
        {
            throw new ProgramEndedException(LastWords(), e);
        }
        catch (Win32Exception e)
        {
            throw new BootcException($"this step needs the program {program}, which could not be started", e);
        }

        string LastWords()
        {
            string words = $"{output.ToString().Trim()} {error.ToString().Trim()}".Trim().ReplaceLineEndings("; ");
            return words.Length > LastWordsLimit ? $": … {words[^LastWordsLimit..]}" : words.Length > 0 ? $": {words}" : "";
        }
    }
}
