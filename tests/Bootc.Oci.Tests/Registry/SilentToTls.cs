using System.Net;
using System.Net.Sockets;

namespace Bootc.Oci.Tests.Registry;

/// <summary>Something on loopback that says by HTTP that nothing is there, and nothing at all to those who speak TLS.</summary>
internal sealed class SilentToTls : IDisposable
{
    private const byte Handshake = 0x16;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SilentToTls()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Host and port.</summary>
    public string Host => $"{_listener.LocalEndpoint}";

    /// <summary>Ends when somebody has said the first word.</summary>
    public Task Connected => _connected.Task;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync();
            _ = AnswerAsync(client);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            byte[] request = new byte[4096];
            while (await client.GetStream().ReadAsync(request) > 0)
            {
                _connected.TrySetResult();
                if (request[0] != Handshake)
                {
                    await client.GetStream().WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
                }
            }
        }
    }
}
