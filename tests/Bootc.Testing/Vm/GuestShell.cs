using System.Net.Sockets;

namespace Bootc.Testing.Vm;

/// <summary>A root shell in a running guest, over a virtio serial port: unlike a login on the console it is ours alone.</summary>
public static class GuestShell
{
    private const string PortName = "lab";

    /// <summary>The arguments for QEMU that make the guest offer the shell.</summary>
    /// <param name="socket">The Unix socket to reach it at.</param>
    /// <param name="prompt">Whether the shell is for a person, and prompts.</param>
    public static IEnumerable<string> Arguments(string socket, bool prompt) =>
    [
        "-device", "virtio-serial-pci",
        "-chardev", $"socket,id={PortName},path={socket},server=on,wait=off",
        "-device", $"virtserialport,chardev={PortName},name={PortName}",
        // The port has room for one opener: opened once, for both ways.
        .. GuestScript.Arguments(
            $"cd /root; while :; do sh {(prompt ? "-i" : "")} <>/dev/virtio-ports/{PortName} >&0 2>&0; sleep 0.2; done"),
    ];

    /// <summary>Connects a person's input and output to the shell until either ends.</summary>
    public static async Task AttachAsync(string socket, Stream input, Stream output, CancellationToken cancellationToken)
    {
        using Socket connection = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellationToken);
        await using NetworkStream port = new(connection);
        await Task.WhenAny(input.CopyToAsync(port, cancellationToken), port.CopyToAsync(output, cancellationToken));
    }
}
