using System.CommandLine;
using Bootc.Testing.Commands;

namespace Bootc.Testing;

/// <summary>The lab from the command line, for the scripts.</summary>
internal static class Program
{
    /// <summary>How long what was started may take to end and to tidy up when this is stopped.</summary>
    private static readonly TimeSpan Ending = TimeSpan.FromSeconds(30);

    private static async Task<int> Main(string[] arguments)
    {
        RootCommand root = new("The lab of bootc's tests")
        {
            BenchCommand.Create(),
            DemoCommand.Create(),
            PowerCutsCommand.Create(),
            PrepareCommand.Create(),
            TestCommand.Create(),
            VmCommand.Create(),
        };
        try
        {
            return await root.Parse(arguments).InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = Ending });
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or IOException or CliWrap.Exceptions.CliWrapException)
        {
            LabLog.Write(failure.Message);
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
    }
}
