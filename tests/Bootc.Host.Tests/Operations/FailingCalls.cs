using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Bootc.Linux;

namespace Bootc.Host.Tests.Operations;

/// <summary>Calls that fail.</summary>
/// <param name="Errno">What they return.</param>
/// <param name="From">The first of them, counted from 1 among all that change something in <paramref name="Folder"/>.</param>
/// <param name="GoesOn">Whether all later ones that could fail so do too, as on a disk that died or is full; otherwise it is that one.</param>
/// <param name="Folder">A folder; what is outside of it does not count.</param>
internal sealed record CallFault(Errno Errno, int From, bool GoesOn, string Folder)
{
    // A full disk still takes what needs no new block.
    private static readonly HashSet<string> NeedNoRoom = ["fsync", "fdatasync", "syncfs", "unlinkat", "unlink", "rmdir", "fchmodat", "fchownat", "utimensat", "lremovexattr"];

    private int _seen;

    /// <summary>The first call that failed, with what it was about; null where none did.</summary>
    public string? First { get; private set; }

    /// <summary>Whether this call, the next one that changes something in the folder, fails.</summary>
    public bool Hits(string call, string path)
    {
        _seen++;
        bool hits = (GoesOn ? _seen >= From : _seen == From) && (Errno != Errno.ENOSPC || !NeedNoRoom.Contains(call));
        First ??= hits ? $"{call} {path}" : null;
        return hits;
    }
}

/// <summary>
/// A thread whose system calls that change files can be made to fail, one or all after it. The kernel stops each of them and asks what is to become
/// of it: seccomp(2), SECCOMP_RET_USER_NOTIF. Threads that it starts are treated alike.
/// </summary>
internal static unsafe partial class FailingCalls
{
    private const uint Continue = 1;
    private const uint CreatingFlags = 0x400040;

    // x86-64; the flags of openat decide.
    private const int OpenAt = 257;

    private static readonly Dictionary<int, (string Name, Where Path)> Calls = new()
    {
        [1] = ("write", Where.Descriptor),
        [18] = ("pwrite64", Where.Descriptor),
        [77] = ("ftruncate", Where.Descriptor),
        [285] = ("fallocate", Where.Descriptor),
        [74] = ("fsync", Where.Descriptor),
        [75] = ("fdatasync", Where.Descriptor),
        [306] = ("syncfs", Where.Descriptor),
        [258] = ("mkdirat", Where.At),
        [259] = ("mknodat", Where.At),
        [263] = ("unlinkat", Where.At),
        [266] = ("symlinkat", Where.SecondAt),
        [265] = ("linkat", Where.ThirdAt),
        [264] = ("renameat", Where.ThirdAt),
        [316] = ("renameat2", Where.ThirdAt),
        [268] = ("fchmodat", Where.At),
        [452] = ("fchmodat2", Where.At),
        [260] = ("fchownat", Where.At),
        [280] = ("utimensat", Where.At),
        [189] = ("lsetxattr", Where.Path),
        [198] = ("lremovexattr", Where.Path),
        [83] = ("mkdir", Where.Path),
        [87] = ("unlink", Where.Path),
        [84] = ("rmdir", Where.Path),
        [82] = ("rename", Where.SecondPath),
        [OpenAt] = ("openat", Where.At),
    };

    private static readonly BlockingCollection<Action> Work = [];
    private static readonly TaskCompletionSource<int> Listener = new();

    private static volatile CallFault? _fault;

    static FailingCalls()
    {
        // The one that answers is never itself asked about.
        new Thread(Answer) { IsBackground = true }.Start();
        new Thread(() =>
        {
            Listener.SetResult(Listen());
            foreach (Action action in Work.GetConsumingEnumerable())
            {
                action();
            }
        })
        { IsBackground = true }.Start();
    }

    private enum Where
    {
        Descriptor,
        Path,
        SecondPath,
        At,
        SecondAt,
        ThirdAt,
    }

    /// <summary>Runs an operation, all of it on one thread as far as it does not start others.</summary>
    /// <returns>How it failed; null where it did not.</returns>
    public static Task<Exception?> RunAsync(CallFault fault, Func<Task> operation)
    {
        TaskCompletionSource<Exception?> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Add(() =>
        {
            using OneThread context = new();
            _fault = fault;
            try
            {
                context.Run(operation);
                done.SetResult(null);
            }
            catch (Exception e)
            {
                done.SetResult(e);
            }
            finally
            {
                _fault = null;
            }
        });
        return done.Task;
    }

    private static int Listen()
    {
        List<BpfInstruction> program = [new(0x20, 0, 0, 0)];
        int[] numbers = [.. Calls.Keys.Except([OpenAt])];
        for (int i = 0; i < numbers.Length; i++)
        {
            program.Add(new(0x15, (byte)(numbers.Length - i + 3), 0, (uint)numbers[i]));
        }

        program.AddRange(
        [
            new(0x15, 0, 2, OpenAt),
            new(0x20, 0, 0, 32),
            new(0x45, 1, 0, CreatingFlags),
            new(0x06, 0, 0, 0x7fff0000),
            new(0x06, 0, 0, 0x7fc00000),
        ]);
        fixed (BpfInstruction* first = program.ToArray())
        {
            BpfProgram filter = new() { Length = (ushort)program.Count, First = first };
            int listener = (int)Seccomp(317, 1, 1 << 3, &filter);
            return listener >= 0 ? listener : throw new InvalidOperationException($"seccomp: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    private static void Answer()
    {
        int listener = Listener.Task.GetAwaiter().GetResult();
        while (true)
        {
            Notification call = default;
            if (IoCtl(listener, 0xc0502100, &call) != 0)
            {
                // A thread that went away meanwhile.
                continue;
            }

            CallFault? fault = _fault;
            bool fails = fault is not null && PathOf(call) is { } path && path.StartsWith(fault.Folder, StringComparison.Ordinal)
                && fault.Hits(Calls[call.Number].Name, path[fault.Folder.Length..]);
            Answered answer = fails ? new() { Id = call.Id, Error = -(int)fault!.Errno } : new() { Id = call.Id, Flags = Continue };
            IoCtl(listener, 0xc0182101, &answer);
        }
    }

    private static string? PathOf(in Notification call) => Calls[call.Number].Path switch
    {
        Where.Descriptor => Link((int)call.A0),
        Where.Path => Resolve(call.A0),
        Where.SecondPath => Resolve(call.A1),
        Where.At => Resolve(call.A1, (int)call.A0),
        Where.SecondAt => Resolve(call.A2, (int)call.A1),
        _ => Resolve(call.A3, (int)call.A2),
    };

    private static string? Resolve(ulong name, int folder = -100)
    {
        string path = Marshal.PtrToStringUTF8((nint)name) ?? "";
        if (path.StartsWith("/proc/self/fd/", StringComparison.Ordinal))
        {
            string[] parts = path["/proc/self/fd/".Length..].Split('/', 2);
            return Path.Join(Link(int.Parse(parts[0])), parts.ElementAtOrDefault(1));
        }

        return Path.IsPathRooted(path) || folder < 0 ? path : Path.Join(Link(folder), path);
    }

    private static string? Link(int descriptor) => new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Seccomp(nint number, nuint operation, nuint flags, BpfProgram* program);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoCtl(int fd, nuint request, void* argument);

    private readonly record struct BpfInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    private struct BpfProgram
    {
        public ushort Length;
        public BpfInstruction* First;
    }

    /// <summary>struct seccomp_notif, linux/seccomp.h.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 80)]
    private struct Notification
    {
        public ulong Id;
        public uint Process;
        public uint Flags;
        public int Number;
        public uint Architecture;
        public ulong Instruction;
        public ulong A0;
        public ulong A1;
        public ulong A2;
        public ulong A3;
    }

    /// <summary>struct seccomp_notif_resp.</summary>
    private struct Answered
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
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
