using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Bootc.Oci.Registry;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>A registry on loopback, without TLS, whose only repository has what an OCI layout has; every tag stands for its image.</summary>
internal sealed class LayoutRegistry : IDisposable
{
    private const string Manifests = "/v2/os/edge/manifests/";

    private const int Attempts = 20;

    private readonly HttpListener _server;

    private LayoutRegistry(string layout)
    {
        Layout = layout;
        (_server, Host) = Listen();
        _ = Task.Run(AnswerAsync);
    }

    /// <summary>The folder of the layout.</summary>
    public string Layout { get; set; }

    public string Host { get; }

    /// <summary>The image behind a tag.</summary>
    public string Reference => $"docker://{Host}/os/edge:stable";

    /// <summary>Paths that were asked for, but that of the question whether there is a registry.</summary>
    public ConcurrentQueue<string> Asked { get; } = [];

    /// <summary>How a client reaches it.</summary>
    public RegistryAccess Access => new()
    {
        UserAgent = "bootc/1",
        Config = RegistriesConfig.Of([new("registries.conf") { Registries = [new() { Location = Host, Insecure = true }] }]),
        Patience = new() { Attempts = 1, Answer = TimeSpan.FromMinutes(5), Stall = TimeSpan.FromMinutes(5) },
    };

    public static LayoutRegistry Start(string layout) => new(layout);

    public void Dispose() => _server.Close();

    /// <summary>Listens on a port that the kernel calls free; somebody else may take it in between, as HttpListener cannot be given one that is open already.</summary>
    private static (HttpListener Server, string Host) Listen()
    {
        for (int attempt = 1; ; attempt++)
        {
            using TcpListener free = new(IPAddress.Loopback, 0);
            free.Start();
            string host = $"localhost:{((IPEndPoint)free.LocalEndpoint).Port}";
            free.Stop();
            HttpListener server = new() { Prefixes = { $"http://{host}/" } };
            try
            {
                server.Start();
                return (server, host);
            }
            catch (HttpListenerException) when (attempt < Attempts)
            {
                server.Close();
            }
        }
    }

    private async Task AnswerAsync()
    {
        while (_server.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _server.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            string path = context.Request.Url!.AbsolutePath;
            if (path != "/v2/")
            {
                Asked.Enqueue(path);
            }

            string blob = PathOf(path);
            context.Response.StatusCode = path == "/v2/" || File.Exists(blob) ? 200 : 404;
            if (File.Exists(blob))
            {
                await context.Response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(blob));
            }

            context.Response.Close();
        }
    }

    private string PathOf(string path)
    {
        string name = path.Split('/')[^1];
        if (path.StartsWith(Manifests, StringComparison.Ordinal) && !name.Contains(':', StringComparison.Ordinal))
        {
            name = JsonNode.Parse(File.ReadAllText(Path.Join(Layout, "index.json")))!["manifests"]![0]!["digest"]!.GetValue<string>();
        }

        return Path.Join(Layout, "blobs", name.Replace(':', '/'));
    }
}
