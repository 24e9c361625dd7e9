using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Bootc.Linux;
using Bootc.Testing;

namespace Bootc.Host.Tests.Operations;

/// <summary>Calls that fail.</summary>
/// <param name="Errno">What they return.</param>
/// <param name="From">The first of them, counted from 1 among all that change something in <paramref name="Folder"/>.</param>
/// <param name="GoesOn">Whether all later ones that could fail so do too, as on a disk that died or is full; otherwise it is that one.</param>
/// <param name="Folder">A folder; what is outside of it does not count.</param>
internal sealed record CallFault(Errno Errno, int From, bool GoesOn, string Folder)
{
    /// <summary>Whether what is on the disk images in the folder counts too: loop devices of theirs, their partitions, and mounted file systems.</summary>
    public bool OnDisks { get; init; }

    /// <summary>The only kind of call that counts: its name, after that of the program where that is another than this one; null for all.</summary>
    public string? Kind { get; init; }

    /// <summary>The first call that failed, with what it was about; null where none did.</summary>
    public string? First { get; set; }

    /// <summary>The kind of each call that counted, in order.</summary>
    public IReadOnlyList<string> Kinds { get; set; } = [];
}

/// <summary>A power cut right before one of the syncs of a disk; from then on nothing changes any more.</summary>
/// <param name="Folder">The folder of all disks.</param>
/// <param name="Disk">The mounted one whose syncs count.</param>
/// <param name="At">Before which of them the power goes, counted from 1.</param>
/// <param name="Skipped">Another, before it, that does nothing; 0 for none.</param>
internal sealed record SyncCut(string Folder, string Disk, int At, int Skipped)
{
    /// <summary>The syncs that there were, each with what was synced.</summary>
    public IReadOnlyList<string> Syncs { get; set; } = [];

    /// <summary>Whether the power went: false where there were less syncs.</summary>
    public bool Happened { get; set; }
}

/// <summary>
/// A thread whose system calls that change files can be made to fail, one or all after it. The kernel stops each of them and asks what is to become
/// of it: seccomp(2), SECCOMP_RET_USER_NOTIF; <c>answer_calls.py</c> beside this file answers. Threads and programs that it starts are treated alike.
/// </summary>
internal static partial class FailingCalls
{
    private const uint CreatingFlags = 0x400040;

    // x86-64; the flags of openat decide. The script knows what each is.
    private const uint OpenAt = 257;

    // Of its requests those count that write.
    private const uint IoCtl = 16;
    private const uint CloneFile = 0x40049409;
    private const uint EnableVerity = 0x40806685;

    private static readonly uint[] Numbers =
        [1, 18, 77, 285, 74, 75, 306, 326, 258, 259, 263, 266, 265, 264, 316, 268, 452, 260, 280, 189, 198, 83, 87, 84, 82];

    private static readonly BlockingCollection<Action> Work = [];
    private static readonly Process Answering = StartAnswering();

    static FailingCalls() => new Thread(() =>
    {
        Listen();
        Require(Answering.StandardOutput.ReadLine() == "ready");
        foreach (Action action in Work.GetConsumingEnumerable())
        {
            action();
        }
    })
    { IsBackground = true }.Start();

    /// <summary>Runs an operation, all of it on one thread as far as it does not start others.</summary>
    /// <returns>How it failed; null where it did not.</returns>
    public static async Task<Exception?> RunAsync(CallFault fault, Func<Task> operation)
    {
        (Exception? failure, CallsSeen seen) = await RunAsync(
            JsonSerializer.Serialize(new { folder = fault.Folder, errno = (int)fault.Errno, start = fault.From, goes_on = fault.GoesOn, kind = fault.Kind, on_disks = fault.OnDisks }),
            operation);
        (fault.First, fault.Kinds) = (seen.First, seen.Kinds);
        return failure;
    }

    /// <summary>As <see cref="RunAsync(CallFault, Func{Task})"/>, of an operation whose machine loses its power.</summary>
    public static async Task RunAsync(SyncCut cut, Func<Task> operation)
    {
        (_, CallsSeen seen) = await RunAsync(JsonSerializer.Serialize(new { folder = cut.Folder, disk = cut.Disk, skipped = cut.Skipped, at = cut.At }), operation);
        (cut.Happened, cut.Syncs) = (seen.First is not null, seen.Kinds);
    }

    private static Task<(Exception? Failure, CallsSeen Seen)> RunAsync(string fault, Func<Task> operation)
    {
        TaskCompletionSource<(Exception?, CallsSeen)> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Add(() =>
        {
            using OneThread context = new();
            Exception? failure = null;
            Ask(fault);
            try
            {
                context.Run(operation);
            }
            catch (Exception e)
            {
                failure = e;
            }

            done.SetResult((failure, Ask("null")!));
        });
        return done.Task;
    }

    private static Process StartAnswering()
    {
        string script = Checkout.PathOf("tests", "Bootc.Host.Tests", "Operations", "answer_calls.py");
        return Process.Start(new ProcessStartInfo("python3", [script, $"{Environment.ProcessId}"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
    }

    /// <summary>Begins a fault, or ends it.</summary>
    /// <returns>What came of the one before; null where there was none.</returns>
    private static CallsSeen? Ask(string line)
    {
        Answering.StandardInput.WriteLine(line);
        Answering.StandardInput.Flush();
        return JsonSerializer.Deserialize<CallsSeen?>(Answering.StandardOutput.ReadLine() ?? throw new InvalidOperationException("nobody answers any more"));
    }

    private static unsafe void Listen()
    {
        List<BpfInstruction> program = [new(0x20, 0, 0, 0)];
        for (int i = 0; i < Numbers.Length; i++)
        {
            program.Add(new(0x15, (byte)(Numbers.Length - i + 7), 0, Numbers[i]));
        }

        program.AddRange(
        [
            new(0x15, 0, 2, OpenAt),
            new(0x20, 0, 0, 32),
            new(0x45, 5, 4, CreatingFlags),
            new(0x15, 0, 3, IoCtl),
            new(0x20, 0, 0, 24),
            new(0x15, 2, 0, CloneFile),
            new(0x15, 1, 0, EnableVerity),
            new(0x06, 0, 0, 0x7fff0000),
            new(0x06, 0, 0, 0x7fc00000),
        ]);
        fixed (BpfInstruction* first = program.ToArray())
        {
            BpfProgram filter = new() { Length = (ushort)program.Count, First = first };
            // Once it was asked about, a signal does not make the call begin anew and be counted twice.
            const nuint NewListener = 1 << 3, WaitKillable = 1 << 5;
            Require(Seccomp(317, 1, NewListener | WaitKillable, &filter) >= 0);
        }
    }

    private static void Require(bool good)
    {
        if (!good)
        {
            throw new InvalidOperationException($"calls cannot be made to fail here: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial nint Seccomp(nint number, nuint operation, nuint flags, BpfProgram* program);

    private sealed record CallsSeen(string? First, string[] Kinds);

    private readonly record struct BpfInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    private unsafe struct BpfProgram
    {
        public ushort Length;
        public BpfInstruction* First;
    }

    /// <summary>Keeps what follows an await on the thread that awaits.</summary>
    private sealed class OneThread : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _posted = [];

        public override void Post(SendOrPostCallback d, object? state) => _posted.Add((d, state));

        public void Run(Func<Task> operation)
        {
            SynchronizationContext? before = Current;
            SetSynchronizationContext(this);
            try
            {
                Task running = operation();
                running.ContinueWith(_ => _posted.CompleteAdding(), TaskScheduler.Default);
                foreach ((SendOrPostCallback callback, object? state) in _posted.GetConsumingEnumerable())
                {
                    callback(state);
                }

                running.GetAwaiter().GetResult();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }

        public void Dispose() => _posted.Dispose();
    }
}
