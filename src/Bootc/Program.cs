using System.CommandLine;
using System.Runtime.InteropServices;
using Bootc.Commands;
using Bootc.Host;
using Bootc.Linux;

namespace Bootc;

/// <summary>The composition root: builds the command tree, runs it, and turns what happened into an exit code.</summary>
internal static class Program
{
    private const int Success = 0;
    private const int Failed = 1;
    private const int Usage = 2;
    private const int Interrupted = 130;

    public static async Task<int> Main(string[] args)
    {
        Privileges.ResetUmask();
        HomeVariable.Ensure(Privileges.IsRoot);
        using CancellationTokenSource interrupt = new();
        using PosixSignalRegistration sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using PosixSignalRegistration sigterm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);

        return await RunAsync(ProgramName.Apply(Environment.GetCommandLineArgs()[0], args), Console.Out, Console.Error, interrupt.Token);

        void Cancel(PosixSignalContext signal)
        {
            // The operation stops at its next safe point and undoes what it began; dying here would leak mounts.
            signal.Cancel = true;
            interrupt.Cancel();
        }
    }

    /// <summary>Runs one command line: 0 success, 1 refused or failed, 2 usage, 130 interrupted.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        ParseResult parse = CommandTree.Parse(args);
        if (parse.Errors.Count > 0)
        {
            ErrorReport.WriteUsage(error, parse);
            return Usage;
        }

        InvocationConfiguration configuration = new()
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = output,
            Error = error,
        };
        try
        {
            if (parse.Action is not (AnyCommandHelpAction or HelpCommandAction or VersionAction))
            {
                RequireLibssl();
            }

            int result = await parse.InvokeAsync(configuration, cancellationToken);
            return cancellationToken.IsCancellationRequested && result != Success ? Interrupted : result;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            error.WriteLine("error: interrupted");
            return Interrupted;
        }
        catch (Exception failure)
        {
            ErrorReport.Write(error, failure);
            return cancellationToken.IsCancellationRequested ? Interrupted : Failed;
        }
    }

    // Hashing needs it; the runtime, when it does not find it, aborts without a word about what to do.
    private static void RequireLibssl()
    {
        const string Library = "libssl.so.3";
        if (!NativeLibrary.TryLoad(Library, out _) && !NativeLibrary.TryLoad("libssl.so.1.1", out _))
        {
            throw new BootcException($"this program needs OpenSSL's {Library}, which is not in this image; install it (on Debian the package libssl3)");
        }
    }
}
