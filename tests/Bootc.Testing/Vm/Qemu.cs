using System.Runtime.InteropServices;
using System.Text;
using CliWrap;

namespace Bootc.Testing.Vm;

/// <summary>A running QEMU: emulated, not accelerated, so that it runs on any machine.</summary>
public sealed class Qemu : IAsyncDisposable
{
    /// <summary>Memory of a guest that does nothing special.</summary>
    public const int DefaultMebibytes = 2048;

    /// <summary>How long a QEMU may live at most, should whoever started it be killed.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly CancellationTokenSource _kill = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly StringBuilder _errors = new();
    private readonly Task<CommandResult> _process;
    private bool _isDisposed;

    private Qemu(Command command, string consoleLog)
    {
        Console = new SerialConsole(consoleLog);
        _process = command
            .WithValidation(CommandResultValidation.None)
            .WithStandardOutputPipe(PipeTarget.Create(Console.ReadAsync))
            .WithStandardErrorPipe(PipeTarget.ToStringBuilder(_errors))
            .ExecuteAsync(_kill.Token);
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM])
        {
            _signals.Add(PosixSignalRegistration.Create(signal, _ => _kill.Cancel()));
        }

        AppDomain.CurrentDomain.ProcessExit += Kill;
    }

    /// <summary>The first serial port.</summary>
    public SerialConsole Console { get; }

    /// <summary>Ends when QEMU has, which is when the guest switched itself off (or wants to reboot).</summary>
    public Task Exited => _process;

    /// <summary>Starts QEMU.</summary>
    /// <param name="arguments">What to add to the machine: disks, firmware, ports.</param>
    /// <param name="consoleLog">The file that gets a copy of the console.</param>
    /// <param name="mebibytes">Memory.</param>
    /// <param name="reboots">Whether a reboot of the guest is one; otherwise it ends QEMU.</param>
    public static async Task<Qemu> StartAsync(
        IEnumerable<string> arguments, string consoleLog, int mebibytes = DefaultMebibytes, bool reboots = false)
    {
        DebianTree tools = await Lab.ToolsTree;
        Command command = tools.Program("qemu-system-x86_64",
        [
            "-L", tools.PathOf("usr/share/qemu"), "-L", tools.PathOf("usr/share/seabios"),
            // One processor: a second would take a third more of this machine for the same boot, which another guest can have.
            // sata=off and -svm save the guest some seconds of probing; -cpu max is what today's distributions need.
            "-machine", "q35,sata=off", "-accel", "tcg,thread=multi", "-cpu", "max,-svm",
            "-m", $"{mebibytes}", "-display", "none", "-nodefaults", "-serial", "stdio",
            .. reboots ? [] : (string[])["-no-reboot"],
            .. arguments,
        ]);
        Command limited = Cli.Wrap("timeout").WithArguments(
            a => a.Add("--foreground").Add("--kill-after=5").Add($"{Lifetime.TotalSeconds}").Add(command.TargetFilePath).Add(command.Arguments, escape: false));
        return new Qemu(limited, consoleLog);
    }

    /// <summary>Waits until something is so or QEMU ended; looks five times a second.</summary>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public async Task WaitAsync(string what, Func<bool> isSo, TimeSpan atMost, CancellationToken cancellationToken = default)
    {
        DateTime end = DateTime.UtcNow + atMost;
        while (!isSo())
        {
            if (_process.IsCompleted)
            {
                throw new InvalidOperationException($"QEMU ended before {what}: {_errors}\n{Console.Tail()}");
            }

            if (DateTime.UtcNow > end)
            {
                throw new TimeoutException($"{what} did not happen within {atMost.TotalSeconds} s; the console ends with:\n{Console.Tail()}");
            }

            await Task.Delay(200, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        AppDomain.CurrentDomain.ProcessExit -= Kill;
        await _kill.CancelAsync();
        try
        {
            await _process;
        }
        catch (OperationCanceledException)
        {
            // That was us.
        }

        _signals.ForEach(s => s.Dispose());
        Console.Dispose();
        _kill.Dispose();
    }

    private void Kill(object? sender, EventArgs e) => _kill.Cancel();
}
