using System.Net.Sockets;
using System.Text;

namespace Bootc.Testing.Vm;

/// <summary>A machine that was stopped while it was up, to go on from there as often as wanted: a boot takes ten times as long.</summary>
/// <param name="State">Its disk, as it was given to it by then.</param>
/// <param name="Memory">The file with its memory and devices.</param>
public sealed record FrozenMachine(MachineState State, string Memory)
{
    private static readonly TimeSpan FreezeLimit = TimeSpan.FromMinutes(2);

    /// <summary>The arguments for QEMU that make it possible to freeze a machine.</summary>
    /// <param name="socket">The Unix socket of its monitor.</param>
    internal static string[] MonitorArguments(string socket) => ["-monitor", $"unix:{socket},server=on,wait=off"];

    /// <summary>The arguments for QEMU that make a copy of the machine go on, beside those of its devices.</summary>
    internal string[] Arguments => ["-incoming", $"file:{Memory}"];

    /// <summary>Stops a machine, writes down what is in it, and ends it.</summary>
    /// <param name="qemu">The machine.</param>
    /// <param name="monitor">The socket of its monitor.</param>
    /// <param name="state">Its disk.</param>
    internal static async Task<FrozenMachine> FreezeAsync(Qemu qemu, string monitor, MachineState state)
    {
        string memory = Path.Join(Path.GetDirectoryName(state.Disk), "memory");
        using (Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(monitor));
            await using NetworkStream stream = new(socket);
            // The monitor takes a command when the one before it has ended.
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"migrate file:{memory}\nquit\n"));
            using CancellationTokenSource limit = new(FreezeLimit);
            await stream.CopyToAsync(Stream.Null, limit.Token);
        }

        File.Delete(monitor);
        await qemu.Exited.WaitAsync(FreezeLimit);
        return new(state, memory);
    }
}
