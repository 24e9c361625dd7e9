using System.Diagnostics;

namespace Bootc.Testing;

/// <summary>What the lab is doing and how long it took, one line each, on stderr.</summary>
public static class LabLog
{
    /// <summary>Writes one line.</summary>
    public static void Write(string line) => Console.Error.WriteLine($"lab: {line}");

    /// <summary>Runs one step, saying what begins and how long it took.</summary>
    public static Task StepAsync(string what, Func<Task> step) =>
        StepAsync(what, async () =>
        {
            await step();
            return true;
        });

    /// <inheritdoc cref="StepAsync(string, Func{Task})"/>
    public static async Task<T> StepAsync<T>(string what, Func<Task<T>> step)
    {
        Write($"{what} …");
        Stopwatch clock = Stopwatch.StartNew();
        T result = await step();
        Write($"{what}: {clock.Elapsed.TotalSeconds:F1} s");
        return result;
    }
}
