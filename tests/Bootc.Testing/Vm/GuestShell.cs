using System.Net.Sockets;
using System.Text;

namespace Bootc.Testing.Vm;

/// <summary>A root shell in a running guest, over a virtio serial port: unlike a login on the console it is ours alone.</summary>
public sealed class GuestShell : IDisposable
{
    private const string PortName = "lab";

    private readonly Socket _connection;
    private readonly NetworkStream _port;
    private readonly StreamReader _reader;

    private GuestShell(Socket connection)
    {
        _connection = connection;
        _port = new NetworkStream(connection);
        _reader = new StreamReader(_port);
    }

    /// <summary>Connects; the guest may still be booting, it finds what is sent when it is up.</summary>
    public static async Task<GuestShell> ConnectAsync(string socket, CancellationToken cancellationToken = default)
    {
        Socket connection = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellationToken);
        return new GuestShell(connection);
    }

    /// <summary>Runs lines of shell in the guest, in a subshell: what they set or leave does not outlast them.</summary>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    public async Task<GuestAnswer> RunAsync(string command, TimeSpan atMost, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(atMost);
        string tag = Guid.NewGuid().ToString("N");
        string line =
            $"( {command}\n) >/run/lab-output 2>/run/lab-error </dev/null; " +
            $"echo {tag} $? @$(base64 -w0 /run/lab-output) @$(base64 -w0 /run/lab-error)\n";
        try
        {
            await _port.WriteAsync(Encoding.UTF8.GetBytes(line), limit.Token);
            while (true)
            {
                string answer = await _reader.ReadLineAsync(limit.Token) ?? throw new IOException("the guest is gone");
                if (answer.Split(' ') is [var first, var exit, var output, var error] && first == tag)
                {
                    return new(int.Parse(exit), Decode(output), Decode(error));
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the guest did not finish within {atMost.TotalSeconds} s: {command}");
        }
    }

    /// <summary>Connects a person's input and output to the shell until either ends.</summary>
    public Task AttachAsync(Stream input, Stream output, CancellationToken cancellationToken) =>
        Task.WhenAny(input.CopyToAsync(_port, cancellationToken), _port.CopyToAsync(output, cancellationToken));

    /// <summary>The arguments for QEMU that make the guest offer the shell.</summary>
    /// <param name="socket">The Unix socket to reach it at.</param>
    /// <param name="prompt">Whether the shell is for a person, and prompts.</param>
    internal static IEnumerable<string> Arguments(string socket, bool prompt) =>
    [
        "-device", "virtio-serial-pci",
        "-chardev", $"socket,id={PortName},path={socket},server=on,wait=off",
        "-device", $"virtserialport,chardev={PortName},name={PortName}",
        "-serial", "null",
        // The port has room for one opener: opened once, for both ways.
        .. GuestScript.Arguments(
            $"cd /root; while :; do sh {(prompt ? "-i" : "")} <>/dev/virtio-ports/{PortName} >&0 2>&0; sleep 0.2; done"),
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _port.Dispose();
        _connection.Dispose();
    }

    private static string Decode(string text) => Encoding.UTF8.GetString(Convert.FromBase64String(text[1..].TrimEnd()));
}
