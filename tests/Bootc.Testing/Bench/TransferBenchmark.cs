namespace Bootc.Testing.Bench;

/// <summary>Pulls from a registry on loopback into empty places, updates, and pulls of what is there already, beside the floor of the machine.</summary>
/// <param name="image">The image that the registry has in all its forms.</param>
/// <param name="images">Those forms.</param>
/// <param name="registry">Gets them.</param>
/// <param name="plain">Gets the one of gzip, and has neither TLS nor a login.</param>
/// <param name="sizes">How large a large image is.</param>
/// <param name="folder">Where that is made.</param>
public sealed class TransferBenchmark(BenchImage image, TransferImages images, LabRegistry registry, LabRegistry plain, BenchSizes sizes, string folder)
{
    // All see the registry's authority and login where programs look for them.
    private const string WithConfiguration = "mount --bind \"$1\" /etc/containers; export REGISTRY_AUTH_FILE=/etc/containers/auth.json; ";

    private const string BootcPull = WithConfiguration + "\"$2\" internals oci pull --insecure --repo \"$PWD/repo\" \"docker://$3\"";
    private const string BootcUpdate = WithConfiguration + "\"$2\" internals oci pull --insecure --repo \"$PWD/repo\" \"docker://$4\"";

    // A runroot has 50 characters at most.
    private const string Podman =
        WithConfiguration + "run=$(mktemp -d /tmp/bootc-bench-XXXXXX); trap 'rm -rf \"$run\"' EXIT; rm -rf root/libpod; podman --root \"$PWD/root\" --runroot \"$run\" --storage-driver overlay pull --quiet ";

    private const string Skopeo = WithConfiguration + "skopeo copy --quiet ";
    private const int Block = 4096;

    /// <summary>How much smaller the other image is whose memory is measured.</summary>
    private const int SmallPart = 40;

    private const string ToStorage = " \"containers-storage:[overlay@$PWD/root+$PWD/run]localhost/bench\"";

    private readonly Dictionary<string, ObjectSizes> _left = [];

    /// <summary>Measures everything.</summary>
    public async Task RunAsync(Measurements measurements, BenchReport report, CancellationToken cancellationToken)
    {
        string bootc = (await Product.Instance).Bootc;
        await images.PushAsync(registry, cancellationToken);
        await images.PushAsync(plain, "gzip", cancellationToken);
        IReadOnlyList<Series> floor = await measurements.MeasureAsync("The floor: single steps of a pull, each alone", Floor(), look: null, cancellationToken);
        IReadOnlyList<Series> withoutTls = await measurements.MeasureAsync(
            "Pull and import, gzip, few large layers, without TLS", [.. Pulls(bootc, plain, "gzip"), Untar], RememberObjects, cancellationToken);
        WriteWritten(report, withoutTls[0]);
        WriteDistance(report, floor, withoutTls[0]);
        foreach (string format in TransferImages.Formats)
        {
            IReadOnlyList<Series> all = await measurements.MeasureAsync(
                $"Pull and import, {format}, few large layers",
                [.. Pulls(bootc, registry, format), .. format == "gzip" ? Unpackers() : [], Untar],
                RememberObjects,
                cancellationToken);
            WriteWritten(report, all[0]);
        }

        await measurements.MeasureAsync(
            "Pull and import, gzip, many small layers", Pulls(bootc, registry, "gzip-many"), look: null, cancellationToken);
        IReadOnlyList<Series> updates = await measurements.MeasureAsync(
            "Update to an image with another file in a hundred", Updates(bootc), look: null, cancellationToken);
        await WriteNeededAsync(report, updates[0], "zstd:chunked");
        IReadOnlyList<Series> updatesOfOneLayer = await measurements.MeasureAsync(
            "Update to an image with other files in one layer of sixty", UpdatesOf(bootc, "zstd:chunked-many"), look: null, cancellationToken);
        await WriteNeededAsync(report, updatesOfOneLayer[0], "zstd:chunked-many");
        await measurements.MeasureAsync("Pull of what is there already", Repeated(bootc), look: null, cancellationToken);
        await measurements.MeasureAsync("Memory: pulls of zstd, in four layers of files of a megabyte", await LargePullsAsync(bootc, cancellationToken), look: null, cancellationToken);
    }

    private async Task<Contestant[]> LargePullsAsync(string bootc, CancellationToken cancellationToken)
    {
        List<Contestant> pulls = [];
        foreach (int megabytes in (int[])[int.Max(1, sizes.LargeMegabytes / SmallPart), sizes.LargeMegabytes])
        {
            string name = await TransferImages.PushLargeAsync(registry, folder, megabytes, cancellationToken);
            pulls.Add(new($"bootc, {megabytes} MB", BootcPull, [registry.Configuration, bootc, NameOf(registry, name)]));
        }

        return [.. pulls];
    }

    private static string NameOf(LabRegistry registry, string name) => $"{registry.Host}/bench/{name.Replace(':', '-')}";

    private Contestant[] Floor() =>
    [
        new("gzip -dc", "exec gzip -dc \"$@\" >/dev/null", [.. images.GzipLayers]),
        new("openssl dgst -sha256 of the blobs", "cat \"$@\" | openssl dgst -sha256", [.. images.GzipLayers]),
        new("openssl dgst -sha256 of the tars", "cat \"$@\" | openssl dgst -sha256", [.. image.Tars]),
        new("openssl dgst -sha512 of the tars", "cat \"$@\" | openssl dgst -sha512", [.. image.Tars]),
        Untar,
    ];

    private Contestant Untar =>
        new("tar -x of the tars", "for layer; do tar -xpf \"$layer\" --xattrs --xattrs-include=\"*\" --numeric-owner; done", [.. image.Tars]);

    private static Contestant[] Pulls(string bootc, LabRegistry from, string format) =>
    [
        new($"bootc, {format}", BootcPull, [from.Configuration, bootc, NameOf(from, format)]),
        new($"podman pull, {format}", Podman + "\"$2\"", [from.Configuration, NameOf(from, format)]),
        new($"skopeo copy to containers-storage, {format}", Skopeo + "\"docker://$2\"" + ToStorage, [from.Configuration, NameOf(from, format)]),
    ];

    /// <summary>Those that cannot pull by themselves.</summary>
    private Contestant[] Unpackers() =>
    [
        new(
            "skopeo copy, umoci unpack, gzip",
            Skopeo + "\"docker://$2\" oci:layout:latest; umoci unpack --image layout:latest bundle",
            [registry.Configuration, NameOf(registry, "gzip")]),
        new(
            "skopeo copy, ostree commit, gzip",
            // A commit of each layer: ostree has no device nodes, which are left out.
            Skopeo + """
            "docker://$2" dir:layout; shift 2
            ostree --repo=repo init --mode=bare
            for layer; do
              gzip -dc "layout/$layer" | bsdtar --exclude='./dev/*' -cf layer.tar @-
              ostree --repo=repo commit --branch=layer --tree=tar=layer.tar --tar-autocreate-parents --no-bindings >/dev/null
            done
            """,
            [registry.Configuration, NameOf(registry, "gzip"), .. images.GzipLayers.Select(layer => Path.GetFileName(layer)!)]),
    ];

    private Contestant[] Updates(string bootc) =>
    [
        .. TransferImages.Formats.Reverse().Select(format => UpdatesOf(bootc, format)[0]),
        .. UpdatesOf(bootc, "gzip")[1..],
    ];

    private Contestant[] UpdatesOf(string bootc, string name)
    {
        string first = NameOf(registry, name);
        string second = NameOf(registry, $"{name}-2");
        return
        [
            new($"bootc, {name}", BootcUpdate, [registry.Configuration, bootc, first, second]) { Before = BootcPull },
            new($"podman pull, {name}", Podman + "\"$3\"", [registry.Configuration, first, second]) { Before = Podman + "\"$2\"" },
            new($"skopeo copy to containers-storage, {name}", Skopeo + "\"docker://$3\"" + ToStorage, [registry.Configuration, first, second])
            {
                Before = Skopeo + "\"docker://$2\"" + ToStorage,
            },
        ];
    }

    private Contestant[] Repeated(string bootc) =>
    [
        .. Pulls(bootc, registry, "gzip").Select(contestant => contestant with { Before = contestant.Script }),
    ];

    /// <summary>The sizes of the objects that an import left.</summary>
    private void RememberObjects(string name, string run)
    {
        DirectoryInfo objects = new(Path.Join(run, "repo", "objects"));
        if (objects.Exists)
        {
            long[] sizes = [.. objects.EnumerateFiles("*", SearchOption.AllDirectories).Select(file => file.Length)];
            _left[name] = new(sizes.Sum(), sizes.Sum(size => (size + Block - 1) / Block * Block));
        }
    }

    private void WriteWritten(BenchReport report, Series bootc)
    {
        if (bootc.HasRun && _left.TryGetValue(bootc.Contestant.Name, out ObjectSizes left))
        {
            double written = bootc.Of(run => run.Written).Median;
            double disk = bootc.Of(run => run.ToDisk ?? double.NaN).Median;
            report.WriteLine(
                $"{bootc.Contestant.Name}: for {left.Bytes / 1e6:F1} MB of objects, the EROFS image and the splitstreams among them, which are {left.InBlocks / 1e6:F1} MB in whole blocks, "
                + $"{written / 1e6:F1} MB handed to the kernel ({written / left.InBlocks:F2}) and {disk / 1e6:F1} MB to the disk ({disk / left.InBlocks:F2})");
        }
    }

    /// <summary>No pull can be faster than its slowest step, nor than all of them when no processor ever waits.</summary>
    private static void WriteDistance(BenchReport report, IReadOnlyList<Series> floor, Series bootc)
    {
        if (bootc.HasRun && floor.All(step => step.HasRun))
        {
            double slowest = floor.Max(step => step.Of(run => run.Returned).Median);
            double together = floor.Sum(step => step.Of(run => run.Processor).Median) / Environment.ProcessorCount;
            double taken = bootc.Of(run => run.Durable).Median;
            report.WriteLine(
                $"{bootc.Contestant.Name}: {taken:F2} s, {taken / slowest:F2} times the slowest step of the floor alone, {taken / together:F2} times all of them on {Environment.ProcessorCount} processors that never wait");
        }
    }

    /// <summary>What objects have, and what the blocks have that a file system keeps them in, of 4096 bytes each.</summary>
    private readonly record struct ObjectSizes(long Bytes, long InBlocks);

    private async Task WriteNeededAsync(BenchReport report, Series bootc, string name)
    {
        if (bootc.HasRun)
        {
            (long contents, long tables) = await images.NeededAsync(name);
            double received = bootc.Of(run => run.Received).Median;
            report.WriteLine(
                $"{bootc.Contestant.Name}: {received / 1e6:F2} MB received for {contents / 1e6:F2} MB of new files and {tables / 1e6:F2} MB of tables: "
                + $"{received / contents:F2} of the files, {received / (contents + tables):F2} of both");
        }
    }
}
