using CliWrap;

namespace Bootc.Testing;

/// <summary>Runs arm64 programs on this machine: one program emulated by QEMU, with arm64 libraries, on this machine's kernel.</summary>
public static class Arm64
{
    /// <summary>Runs a program and returns what it printed, whatever its exit code.</summary>
    /// <param name="program">A path of this machine.</param>
    public static async Task<ProgramOutput> TryRunAsync(string program, params IEnumerable<string> arguments) =>
        await LabProgram.TryRunAsync(await CommandAsync(program, arguments));

    /// <summary>Runs a program that has to succeed and returns what it printed on stdout.</summary>
    public static async Task<string> RunAsync(string program, params IEnumerable<string> arguments) =>
        await LabProgram.RunAsync(await CommandAsync(program, arguments));

    private static async Task<Command> CommandAsync(string program, IEnumerable<string> arguments)
    {
        // Statically linked: it needs nothing of its tree.
        string emulator = (await Lab.EmulatorTree).PathOf("usr/bin/qemu-aarch64");
        return Cli.Wrap(emulator).WithArguments(["-L", (await Lab.Arm64Tree).Root, program, .. arguments]);
    }
}
