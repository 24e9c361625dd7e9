using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Bootc.Oci.Chunked;
using Bootc.Oci.Layers;
using Bootc.Oci.Trust;

namespace Bootc.Oci.Registry;

/// <summary>An image in a registry, or in the first of its mirrors that has it.</summary>
public sealed class RegistryImage : IImageSource
{
    private const int MaxNesting = 4;

    private static readonly string[] Manifests = [MediaTypes.Manifest, MediaTypes.Index, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];

    private readonly ImageName _name;
    private readonly Platform _platform;
    private readonly RegistryClient[] _clients;

    // Who gave a layer last, and whom else to ask for it where that was wrong.
    private readonly ConcurrentDictionary<ImageLayer, RegistryClient> _givers = [];
    private readonly ConcurrentDictionary<ImageLayer, RegistryClient[]> _others = [];

    private RegistryImage(ImageName name, Platform platform, RegistryClient[] clients)
    {
        _name = name;
        _platform = platform;
        _clients = clients;
    }

    /// <summary>The image that is asked for, by its whole name: what a short name stands for.</summary>
    public ImageReference Reference => ImageReference.Parse($"docker://{_name}");

    /// <summary>The names by which it is asked for, of mirrors first.</summary>
    public IEnumerable<ImageReference> Asked =>
        _clients
            .Select(client => $"docker://{client.Endpoint}{(_name.Digest is { } digest ? $"@{digest}" : $":{_name.Tag ?? "latest"}")}")
            .Select(name => ImageReference.TryParse(name, out ImageReference? reference) ? reference : null)
            .OfType<ImageReference>();

    /// <summary>Decides whom to ask; nobody is asked yet.</summary>
    /// <exception cref="RegistryException">The name is ambiguous or its registry blocked.</exception>
    public static RegistryImage Open(ImageName name, RegistryAccess access, Platform? platform = null)
    {
        ImageName full = access.Config.Qualify(name);
        return new(full, platform ?? Platform.Native, [.. access.Config.Route(full).Select(endpoint => new RegistryClient(endpoint, access))]);
    }

    public async ValueTask<ResolvedImage> ResolveAsync(CancellationToken cancellationToken) =>
        await FirstOfAsync(_clients, client => ResolveAsync(client, cancellationToken));

    public ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, CancellationToken cancellationToken) => OpenLayerAsync(layer, new(), cancellationToken);

    public async ValueTask<LayerStream> OpenLayerAsync(ImageLayer layer, LayerTransfer transfer, CancellationToken cancellationToken) =>
        await TryOpenChunkedAsync(layer, transfer, cancellationToken)
        ?? (LayerStream)new BlobLayer(
            await FirstOfAsync(layer, client => RegistryBlob.OpenAsync(client, layer.Blob, transfer.Partial, cancellationToken)), layer);

    public bool TryElsewhere(ImageLayer layer)
    {
        if (!_givers.TryGetValue(layer, out RegistryClient? giver) || giver == _clients[^1])
        {
            return false;
        }

        _others[layer] = Array.FindAll(ClientsFor(layer), client => client != giver);
        return true;
    }

    /// <summary>The signatures that are attached to a manifest, verified by nobody yet; none where nobody who may be asked has any.</summary>
    public async ValueTask<ImmutableArray<SigstoreSignature>> ReadSignaturesAsync(Digest manifest, CancellationToken cancellationToken)
    {
        try
        {
            return await FirstOfAsync(_clients, client => ReadSignaturesAsync(client, manifest, cancellationToken));
        }
        catch (RegistryException e) when (e.Status == HttpStatusCode.NotFound)
        {
            return [];
        }
    }

    public void Dispose() => Array.ForEach(_clients, client => client.Dispose());

    private async Task<ChunkedLayer?> TryOpenChunkedAsync(ImageLayer layer, LayerTransfer transfer, CancellationToken cancellationToken) =>
        transfer.Local is { } local && transfer.Partial?.Contains(layer.Blob) != true
            ? await FirstOfAsync(layer, client => ChunkedTransfer.TryOpenAsync(
                layer, local, transfer.Partial, range => RegistryBlob.OpenAsync(client, layer.Blob, range, cancellationToken), cancellationToken))
            : null;

    private RegistryClient[] ClientsFor(ImageLayer layer) => _others.GetValueOrDefault(layer, _clients);

    private Task<T> FirstOfAsync<T>(ImageLayer layer, Func<RegistryClient, Task<T>> ask) =>
        FirstOfAsync(ClientsFor(layer), client =>
        {
            _givers[layer] = client;
            return ask(client);
        });

    // Mirrors may lack what they are asked for, or be down; only what the registry itself says is final. Who did not answer is asked last from then on:
    // to wait for that takes minutes.
    private async Task<T> FirstOfAsync<T>(RegistryClient[] clients, Func<RegistryClient, Task<T>> ask)
    {
        List<Exception> failures = [];
        RegistryClient[] inOrder = [.. clients.Where(client => !client.IsSilent), .. clients.Where(client => client.IsSilent)];
        foreach (RegistryClient client in inOrder)
        {
            try
            {
                return await ask(client);
            }
            catch (Exception e) when (e is RegistryException or InvalidDataException)
            {
                failures.Add(e);
                if (e is RegistryException { Status: null })
                {
                    client.IsSilent = true;
                }
            }
        }

        throw failures is [var only]
            ? only
            : new RegistryException($"{_name}: {string.Join("; ", failures.Select(failure => failure.Message))}", failures[^1])
            {
                // What one of them lacks is missing only where all of them lack it.
                Status = failures.TrueForAll(failure => failure is RegistryException { Status: HttpStatusCode.NotFound }) ? HttpStatusCode.NotFound : null,
            };
    }

    private async Task<ResolvedImage> ResolveAsync(RegistryClient client, CancellationToken cancellationToken)
    {
        Digest? wanted = _name.Digest;
        long? size = null;
        for (int nesting = 0; nesting < MaxNesting; nesting++)
        {
            (byte[] document, Digest digest) = await GetManifestAsync(client, wanted?.ToString() ?? _name.Tag ?? "latest", wanted, cancellationToken);
            if (size is not null && size != document.Length)
            {
                throw new InvalidDataException($"the manifest {digest} has {document.Length} bytes; its index states {size}");
            }

            if (!DocumentKind.IsIndex(document))
            {
                Manifest manifest = Manifest.Parse(document);
                byte[] config = await GetDocumentAsync(client, manifest.Config, cancellationToken);
                return ResolvedImage.Create(digest, manifest, document, config, _platform);
            }

            Descriptor entry = ImageIndex.Parse(document).Select(_platform);
            entry.RequireDocument();
            (wanted, size) = (entry.Digest, entry.Size);
        }

        throw new InvalidDataException($"image indexes of {_name} are nested more than {MaxNesting} deep");
    }

    private static async Task<(byte[] Document, Digest Digest)> GetManifestAsync(
        RegistryClient client, string reference, Digest? wanted, CancellationToken cancellationToken)
    {
        string what = $"the manifest of {client.Endpoint}";
        (string? type, byte[] document) = await client.GetDocumentAsync($"manifests/{reference}", Manifests, what, cancellationToken);
        if (type is not null && type != "application/json" && !MediaTypes.IsManifest(type) && !MediaTypes.IsIndex(type))
        {
            throw new InvalidDataException($"{what} is of type \"{type}\", which is none of an image");
        }

        if (type is not null && type != "application/json" && MediaTypes.IsIndex(type) != DocumentKind.IsIndex(document))
        {
            throw new InvalidDataException($"{what} is not what the registry says it is: \"{type}\"");
        }

        Digest digest = wanted?.OfSameKind(document) ?? Digest.Sha256(document);
        return wanted is null || digest == wanted
            ? (document, digest)
            : throw new InvalidDataException($"{what} has digest {digest}; {wanted} was asked for");
    }

    private static async Task<ImmutableArray<SigstoreSignature>> ReadSignaturesAsync(RegistryClient client, Digest manifest, CancellationToken cancellationToken)
    {
        (byte[] document, _) = await GetManifestAsync(client, SignatureAttachments.TagOf(manifest), wanted: null, cancellationToken);
        List<SigstoreSignature> signatures = [];
        foreach ((Descriptor payload, byte[] signature) in SignatureAttachments.Find(Manifest.Parse(document)))
        {
            signatures.Add(new(await GetDocumentAsync(client, payload, cancellationToken), signature));
        }

        return [.. signatures];
    }

    private static async Task<byte[]> GetDocumentAsync(RegistryClient client, Descriptor descriptor, CancellationToken cancellationToken)
    {
        descriptor.RequireDocument();
        using VerifyingStream blob = new(await RegistryBlob.OpenAsync(client, descriptor, partial: null, cancellationToken), descriptor);
        return blob.ReadDocument();
    }
}
