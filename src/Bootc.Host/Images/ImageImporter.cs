using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using Bootc.Composefs;
using Bootc.Composefs.Erofs;
using Bootc.Composefs.Store;
using Bootc.Composefs.Tree;
using Bootc.Host.Configuration;
using Bootc.Oci;
using Bootc.Oci.Layers;
using Bootc.Oci.Registry;

namespace Bootc.Host.Images;

/// <summary>
/// Brings an image into a repository: its layers, config and manifest as streams, and the EROFS images made of them. All of it gets
/// its names at the end, at once: what fails before leaves objects without names, which the next import uses or garbage
/// collection removes.
/// </summary>
/// <param name="repository">Where it goes.</param>
/// <param name="steps">Runs what is done.</param>
/// <param name="contentFolders">Folders in which files of the image may be, so that they need not be transferred.</param>
public sealed class ImageImporter(Repository repository, Steps steps, params IReadOnlyList<string> contentFolders)
{
    /// <summary>What marks an image as made for bootc.</summary>
    public const string BootcLabel = "containers.bootc";

    private const string ConfigContentType = "ociconfg";
    private const string ManifestContentType = "ocimanif";
    private const int MuchGarbage = 32 << 20;

    // Decompressing takes a processor each; more layers at once would only take memory.
    private static readonly int LayersAtOnce = Math.Clamp(Environment.ProcessorCount, 2, 4);

    private readonly LayerStore _layers = new(repository);
    private readonly StoredContent _stored = new(repository);
    private readonly FolderContent _folders = new(contentFolders);

    // In bytes, as it was after the last collection.
    private readonly Lock _collecting = new();
    private long _live;

    /// <summary>Whether a layer that is in the repository need not be read again; as long as nobody says otherwise, none has to.</summary>
    public Predicate<DiffId> IsLayerWhole { get; init; } = _ => true;

    /// <summary>Bytes of layers that an import may fetch; layers count as they are transferred, less what was kept of an interrupted transfer.</summary>
    public ByteLimit MaxBytes { get; init; } = ByteLimit.None;

    /// <summary>Imports the image of a source. Layers that are in the repository are not read again.</summary>
    public async Task<ImportedImage> ImportAsync(IImageSource source, CancellationToken cancellationToken)
    {
        ResolvedImage image = await steps.RunAsync("Reading the image's manifest", () => source.ResolveAsync(cancellationToken).AsTask());
        return await ImportAsync(source, image, cancellationToken);
    }

    /// <summary>Imports an image that was resolved before, from the same source.</summary>
    public async Task<ImportedImage> ImportAsync(IImageSource source, ResolvedImage image, CancellationToken cancellationToken)
    {
        using UnfinishedImport? unfinished = repository.TryBeginImport();
        await using LayersInOrder inOrder = new(_layers, image, cancellationToken);
        // Where a layer is not good, those that were finished and verified are, and the image's next version may have them, too.
        ImmutableArray<ObjectId> layers = await ImportLayersAsync(source, image, unfinished, inOrder, cancellationToken);

        // This runs on top of the last layer's stack, which holds that layer's tables; go on from a stack of our own.
        await Task.Yield();
        CollectGarbage();
        // The disk would be idle while the images are made, and the sync that comes before the names would find all of the layers to be written.
        Task synced = Task.Run(repository.Sync, CancellationToken.None);
        try
        {
            FileTree tree = await steps.RunAsync("Applying the layers", () => inOrder.Applied);
            ImportedImage imported = Finish(image, layers, tree, synced, cancellationToken);
            unfinished?.Clear();
            return imported;
        }
        catch (Exception e) when (!Failure.IsInterruption(e))
        {
            // Its layers are what they should be, and make no image: nobody is to go on with them.
            unfinished?.Clear();
            throw;
        }
        finally
        {
            await synced.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <param name="synced">Ends when the layers are on the disk; fails where they are not, which no later sync would say again.</param>
    private ImportedImage Finish(ResolvedImage image, ImmutableArray<ObjectId> layers, FileTree tree, Task synced, CancellationToken cancellationToken)
    {
        ImageFiles files = new(tree, repository.Objects.Open);
        ImmutableArray<(ErofsVersion Version, ObjectId Id)> plain = steps.Run("Writing the image", () =>
        {
            OciTransform.Apply(tree);
            return WriteImages(tree);
        });
        (ImmutableArray<(ErofsVersion Version, ObjectId Id)> boot, BootFiles bootFiles) = steps.Run("Writing the boot image", () =>
        {
            BootFiles found = BootTransform.Apply(files);
            return (WriteImages(tree), found);
        });
        cancellationToken.ThrowIfCancellationRequested();

        steps.Run("Publishing the image", () =>
        {
            synced.GetAwaiter().GetResult();
            Publish(image, layers, plain, boot);
        });
        return new()
        {
            Source = image,
            ImageId = plain[0].Id,
            BootImageId = boot[0].Id,
            Files = files,
            BootFiles = bootFiles,
            Warnings = image.Config.Labels.ContainsKey(BootcLabel)
                ? []
                : [$"the image has no label \"{BootcLabel}\"; it may not be made for bootc, and no update to such an image is taken"],
        };
    }

    private async Task<ImmutableArray<ObjectId>> ImportLayersAsync(
        IImageSource source, ResolvedImage image, UnfinishedImport? unfinished, LayersInOrder inOrder, CancellationToken cancellationToken)
    {
        ConcurrentDictionary<DiffId, ObjectId> imported = [];
        List<(string What, ImageLayer Layer)> missing = [];

        // An image may have the same layer twice, an empty one for instance.
        foreach ((int index, ImageLayer layer) in image.Layers.Index().DistinctBy(layer => layer.Item.DiffId))
        {
            string what = $"Importing layer {index + 1} of {image.Layers.Length}";
            string name = LayerStore.NameOf(layer.DiffId);
            if (IsLayerWhole(layer.DiffId) && (repository.Streams.TryFind(name) ?? unfinished?.TryFindStream(name, cancellationToken)) is { } stored)
            {
                Add(layer, stored);
                steps.Skip(what, layer.ReadSize);
            }
            else
            {
                missing.Add((what, layer));
                steps.Expect(what, layer.ReadSize);
            }
        }

        ImmutableArray<ImageLayer> wanted = [.. missing.Select(next => next.Layer)];
        RequireRoom(image.Layers.Length, wanted);
        RequireWithinLimit(image.Layers.Length, wanted, unfinished is null ? null : new PartialBlobs(unfinished.Folder));

        // The largest first: it decides how long all of them take.
        ParallelOptions options = new() { MaxDegreeOfParallelism = LayersAtOnce, CancellationToken = inOrder.Ended };
        try
        {
            await Parallel.ForEachAsync(missing.OrderByDescending(next => next.Layer.Blob.Size), options, async (next, cancellation) =>
                Add(next.Layer, await ImportLayerAsync(source, next.Layer, next.What, unfinished, cancellation)));
        }
        catch (OperationCanceledException) when (inOrder.Ended.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return []; // what they cannot be applied for is told by whoever waits for the tree
        }

        return [.. image.Layers.Select(layer => imported[layer.DiffId])];

        void Add(ImageLayer layer, ObjectId stored)
        {
            imported[layer.DiffId] = stored;
            inOrder.Add(layer.DiffId, stored);
        }
    }

    /// <summary>
    /// Refuses, before any layer is asked for, what no file system of this size can hold. Less than that may still be too much, but how much
    /// of a layer is in the repository already is known only when it was read.
    /// </summary>
    private void RequireRoom(int layers, ImmutableArray<ImageLayer> missing)
    {
        Int128 needed = missing.Aggregate(Int128.Zero, (sum, layer) => sum + layer.Blob.Size);
        if (needed > repository.FilesystemBytes)
        {
            throw new BootcException(string.Create(
                CultureInfo.InvariantCulture,
                $"Insufficient free space for the image: {missing.Length} of its {layers} layers are not here yet and have {needed >> 20} MiB as they are transferred, and the whole file system of {repository.Path} has {repository.FilesystemBytes >> 20} MiB"));
        }
    }

    /// <summary>Refuses, before any layer is asked for, what is more than somebody wants to have fetched.</summary>
    private void RequireWithinLimit(int layers, ImmutableArray<ImageLayer> missing, PartialBlobs? partial)
    {
        Int128 needed = missing.Aggregate(Int128.Zero, (sum, layer) => sum + layer.Blob.Size - (partial?.BytesOf(layer.Blob) ?? 0));
        if (needed > MaxBytes.Bytes)
        {
            throw new FetchLimitException(string.Create(
                CultureInfo.InvariantCulture,
                $"nothing of the image was fetched: {missing.Length} of its {layers} layers are not here yet and have {needed} bytes to be fetched, and max-bytes allows {MaxBytes.Bytes}; --max-bytes none of bootc upgrade and bootc switch fetches them all the same"));
        }
    }

    /// <summary>
    /// The tables of one stage have just become garbage, tens of megabytes for a large image. Left alone, the collector would look for
    /// them only after the next stage had taken as much again. What it finds is for that stage: given back to the kernel, it would have to be asked for again.
    /// </summary>
    private static void CollectGarbage() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);

    /// <summary>The same after a layer whose tables were large, as those of zstd:chunked are. Of many small layers each would cost more than it gives.</summary>
    private void CollectMuchGarbage()
    {
        lock (_collecting)
        {
            if (GC.GetTotalMemory(forceFullCollection: false) - _live > MuchGarbage)
            {
                CollectGarbage();
                _live = GC.GetTotalMemory(forceFullCollection: false);
            }
        }
    }

    private Task<ObjectId> ImportLayerAsync(
        IImageSource source, ImageLayer layer, string what, UnfinishedImport? unfinished, CancellationToken cancellationToken) =>
        steps.RunAsync(what, layer.ReadSize, async meter =>
        {
            PartialBlobs? partial = unfinished is null ? null : new(unfinished.Folder);
            long began = Environment.TickCount64;
            ObjectId stored = await ReadLayerAsync(source, layer, partial, meter, cancellationToken);
            if (partial is not null && Environment.TickCount64 - began > PartialBlobs.SyncAfter.TotalMilliseconds)
            {
                // Before its blob goes: a power cut must not cost what took so long.
                unfinished!.Sync();
            }

            unfinished?.AddStream(LayerStore.NameOf(layer.DiffId), stored);
            partial?.Remove(layer.Blob);
            CollectMuchGarbage();
            return stored;
        });

    private async Task<ObjectId> ReadLayerAsync(
        IImageSource source, ImageLayer layer, PartialBlobs? partial, StepMeter meter, CancellationToken cancellationToken)
    {
        WatchedContent? ofOthers = new(_folders);
        LayerTransfer transfer = new(partial, new LocalContents(_stored, ofOthers));
        bool goesOn = partial?.ContainsAnyOf(layer.Blob) == true;
        while (true)
        {
            try
            {
                using LayerStream stream = await source.OpenLayerAsync(layer, transfer, cancellationToken);
                return await _layers.AddAsync(stream, meter, cancellationToken);
            }
            catch (Exception e) when (ofOthers is { WasRead: true } && MayBeOfContent(e))
            {
                // What is in folders of others may have changed or gone since it was found, which says nothing of the image.
                ofOthers = null;
                transfer = transfer with { Local = _stored };
            }
            catch (InvalidDataException)
            {
                // What was kept may have been damaged since, by a power cut for instance; without it all of the layer is fetched.
                partial?.Remove(layer.Blob);
                if (!goesOn && !source.TryElsewhere(layer))
                {
                    throw;
                }

                goesOn = false;
            }
        }
    }

    /// <summary>Whether a layer may have failed by content that was here, and not by what was fetched or by the disk it is stored on.</summary>
    private static bool MayBeOfContent(Exception e) => e is InvalidDataException || (e is IOException and not RegistryException && !Failure.IsNoSpace(e));

    /// <summary>The images of a tree in all formats that the repository asks for, the default first.</summary>
    private ImmutableArray<(ErofsVersion Version, ObjectId Id)> WriteImages(FileTree tree) =>
        [.. repository.Config.ExtraFormats.Prepend(repository.Config.DefaultFormat).Distinct().Select(v => (v, WriteImage(tree, v)))];

    private ObjectId WriteImage(FileTree tree, ErofsVersion version)
    {
        CollectGarbage();
        using ObjectStream output = new(repository.Objects.CreateWriter());
        ErofsImage written = ErofsWriter.Write(tree, version, repository.Algorithm, output);
        ObjectId stored = output.Finish();
        return stored.Equals(written.Id) ? stored : throw new InvalidDataException($"image {written.Id} was stored as {stored}");
    }

    /// <summary>Writes the streams that keep all parts of the image together, and gives everything its name (specification §5.1).</summary>
    private void Publish(
        ResolvedImage image,
        ImmutableArray<ObjectId> layers,
        ImmutableArray<(ErofsVersion Version, ObjectId Id)> plain,
        ImmutableArray<(ErofsVersion Version, ObjectId Id)> boot)
    {
        Publication publication = repository.BeginPublication();
        List<(string Name, ObjectId Id)> layerReferences = [];
        foreach ((ImageLayer layer, ObjectId id) in image.Layers.Zip(layers).DistinctBy(pair => pair.First.DiffId))
        {
            publication.AddStream(LayerStore.NameOf(layer.DiffId), id);
            layerReferences.Add((layer.DiffId.ToString(), id));
        }

        foreach ((_, ObjectId id) in plain.Concat(boot))
        {
            publication.AddImage(id);
        }

        ObjectId config = WriteDocument(
            ConfigContentType, image.ConfigBytes.Span,
            [.. layerReferences, .. plain.Select(i => ReferenceTo(ImageNames.Image, i)), .. boot.Select(i => ReferenceTo(ImageNames.BootImage, i))]);
        publication.AddStream(ImageNames.Config(image.ConfigDigest), config);

        ObjectId manifest = WriteDocument(
            ManifestContentType, image.ManifestBytes.Span, [(ImageNames.ConfigReference + image.ConfigDigest, config), .. layerReferences]);
        string manifestName = ImageNames.Manifest(image.ManifestDigest);
        publication.AddStream(manifestName, manifest);
        publication.AddStreamReference(ImageNames.ReferenceCategory, ImageNames.Reference(image.ManifestDigest), manifestName);
        publication.Publish();
    }

    /// <summary>The names of images of the oldest format have no version in them.</summary>
    private static (string Name, ObjectId Id) ReferenceTo(string name, (ErofsVersion Version, ObjectId Id) image) =>
        (image.Version == ErofsVersion.V2 ? name : $"{name}.v{(int)image.Version}", image.Id);

    /// <summary>A stream of one object, the document, and of references to what belongs to it.</summary>
    private ObjectId WriteDocument(string contentType, ReadOnlySpan<byte> json, ImmutableArray<(string Name, ObjectId Id)> references)
    {
        using SplitStreamWriter stream = new(repository.Objects, contentType);
        stream.WriteObject(repository.Objects.Ensure(json), json.Length);
        foreach ((string name, ObjectId id) in references)
        {
            stream.AddNamedReference(name, id);
        }

        return stream.Finish();
    }
}
