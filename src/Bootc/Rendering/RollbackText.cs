using System.CommandLine;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>What <c>rollback</c>, and <c>edit</c> where it amounts to that, say of what came of it.</summary>
internal static class RollbackText
{
    public static void Write(RollbackResult result, InvocationConfiguration console)
    {
        if (result.DroppedStaged)
        {
            console.Output.WriteLine("notice: Dropped the staged update");
        }

        if (result.IsReverted)
        {
            console.Output.WriteLine("notice: Reverting queued rollback state");
        }

        console.Output.WriteLine($"Next boot: {(result.IsReverted ? "current" : "rollback")} deployment");
        foreach (string what in result.Warnings)
        {
            console.Error.WriteLine($"warning: {what}");
        }
    }
}
