using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Boot;
using Bootc.Host.Configuration;
using Bootc.Host.Deployments;
using Bootc.Host.Disks;
using Bootc.Host.Images;
using Bootc.Host.Trust;
using Bootc.Linux;
using Bootc.Linux.Block;
using Bootc.Linux.Mounts;
using Bootc.Oci;

namespace Bootc.Host.Operations;

/// <summary>
/// Installs an image to a disk. All decisions are made before the first write; the entry that boots the system is the last
/// thing written; whatever fails in between leaves a blank disk and nothing mounted or attached.
/// </summary>
public sealed class Install(Programs programs, Steps steps)
{
    private const string VersionLabel = "org.opencontainers.image.version";

    /// <exception cref="BootcException">Refused or failed; the message says why and what to do.</exception>
    public async Task<InstallResult> RunAsync(InstallOptions options, InstallEnvironment environment, CancellationToken cancellationToken)
    {
        using IImageSource source = InstallSource.Open(options, environment, programs, out ImageReference reference);
        ImageReference target = UpdateSource.Decide(options.TargetImage, options.TargetTransport, reference);
        ResolvedImage image = await steps.RunAsync("Reading the image's manifest", () => source.ResolveAsync(cancellationToken).AsTask());
        if (options.CheckTarget)
        {
            await steps.RunAsync($"Looking for updates at {target}", () => UpdateSource.CheckAsync(target, programs, cancellationToken));
        }

        InstallPlan plan = await DecideAsync(options, image, target, cancellationToken);
        await RequireTrustAsync(options, plan, source, image, reference, cancellationToken);

        using TargetDisk disk = TargetDisk.Open(plan.Device, plan.ViaLoopback);
        try
        {
            return await WriteAsync(plan, disk, reference, source, image, cancellationToken);
        }
        catch (Exception e)
        {
            bool cannotGrow = disk.CannotGrow;
            // A disk that looks installed but is not would be worse than an empty one, and what was on it is gone already.
            await disk.TryBlankAsync(programs);
            if (cannotGrow && Failure.IsExpected(e))
            {
                throw new BootcException($"the file system of {plan.Device} has no space left for the file to grow", e);
            }

            if (Failure.IsNoSpace(e))
            {
                throw new BootcException($"{plan.Device} is too small for this image, which needs more space than its layers told; take a larger disk", e);
            }

            throw;
        }
    }

    private async Task<InstallPlan> DecideAsync(InstallOptions options, ResolvedImage image, ImageReference target, CancellationToken cancellationToken)
    {
        MachineArchitecture architecture = MachineArchitecture.Native;
        using Dir running = Dir.Open("/");
        InstallConfig config = InstallConfig.Read(running, architecture.Name);
        KernelCommandLine imageKargs = KernelCommandLine.Empty;
        BoundImageFacts bound = BoundImageFacts.None;
        RootSshKeys? keys = options.RootSshKeys is { } file ? RootSshKeys.Read(file) : null;
        if (options.SourceImage is null)
        {
            InstallSource.RequireBootable(architecture);
            imageKargs = ImageKargs.Parse(ConfigFiles.Find(running, ImageKargs.Folder), architecture.Name);
            bound = await BoundImageFacts.ReadAsync(running, options.BoundImages, cancellationToken);
            if (keys is not null)
            {
                RootSshKeys.RequirePlace(running);
            }
        }

        RootFilesystem type = InstallPlan.ChooseFilesystem(options.Filesystem ?? config.RootFilesystem);
        DiskFacts disk = await DiskFacts.ReadAsync(options.Device, options.ViaLoopback, programs, cancellationToken);
        ImmutableArray<string> missing = [.. Filesystems.ProgramsFor(type).Where(program => !Programs.Has(program))];
        bool canMount = Filesystems.KernelHas(type.Name);
        bool canSeal = canMount && missing.IsEmpty && await new Filesystems(programs).CanSealAsync(type, cancellationToken);
        InstallFacts facts = new(disk, image.Layers.Sum(l => l.UnpackedSize ?? l.Blob.Size), canSeal, architecture)
        {
            CanMount = canMount,
            MissingPrograms = missing,
            Config = config,
            ImageKargs = imageKargs,
            SshKeys = keys,
            Bound = bound,
        };
        return InstallPlan.Decide(options, facts, target.ToString(), Guid.NewGuid());
    }

    private async Task<InstallResult> WriteAsync(
        InstallPlan plan, TargetDisk disk, ImageReference reference, IImageSource source, ResolvedImage image, CancellationToken cancellationToken)
    {
        Filesystems filesystems = new(programs);
        IReadOnlyList<PartitionNode> nodes = await steps.RunAsync(
            $"Partitioning {plan.Device}",
            () => disk.PartitionAsync(plan.Partitions, programs, cancellationToken));
        PartitionNode esp = nodes[0];
        PartitionNode rootNode = nodes[1];
        await steps.RunAsync("Making file systems", async () =>
        {
            await filesystems.MakeEspAsync(esp.Path, plan.EspVolumeId, cancellationToken);
            await filesystems.MakeRootAsync(plan.RootFilesystem, rootNode.Path, plan.RootUuid, cancellationToken);
        });

        using DetachedMount mount = Filesystems.Mount(plan.RootFilesystem.Name, rootNode.Path);
        using Dir root = mount.OpenRoot();
        VerityMode verity = plan.RequireVerity ? VerityMode.Required : VerityMode.Optional;
        using Repository repository = Repository.Ensure(root, StateLayout.Repository, verity);
        ImportedImage imported = await new ImageImporter(repository, steps, LocalContents.FoldersOfPodman).ImportAsync(source, image, cancellationToken);

        KernelFiles kernel = KernelFiles.Choose(imported.BootFiles);
        ImmutableArray<BoundImage> bound = BoundImages.Read(imported.Files);
        steps.Run("Laying out /etc and /var", () => WriteState(root, plan, reference, imported, kernel, cancellationToken));
        if (!bound.IsEmpty)
        {
            await AddBoundImagesAsync(plan.BoundImages, bound, () => BoundImageStorage.OnDevice(programs, root, plan.RootFilesystem.Name, rootNode.Path), cancellationToken);
            // Podman leaves that to the kernel, and an entry that boots must find them whole.
            root.SyncFilesystem();
        }

        await steps.RunAsync("Installing the boot loader", () => WriteBootAsync(plan, esp, imported, kernel, cancellationToken));
        steps.Run("Writing everything to disk", () =>
        {
            root.SyncFilesystem();
            disk.Sync();
        });
        if (plan.WriteFirmwareEntry && FirmwareVariables.Available)
        {
            await steps.RunAsync("Registering with the firmware", () => RegisterAsync(disk, esp, imported.Files, plan.Architecture, cancellationToken));
        }

        return new(plan.TargetImage, imported.Source.ManifestDigest.ToString(), imported.BootImageId, Warnings(plan, imported, bound));
    }

    private Task AddBoundImagesAsync(
        BoundImageMode mode, ImmutableArray<BoundImage> bound, Func<BoundImageStorage> storage, CancellationToken cancellationToken) =>
        mode switch
        {
            BoundImageMode.Stored => storage().CopyMissingAsync(bound, steps, cancellationToken),
            BoundImageMode.Pull => storage().PullMissingAsync(bound, steps, cancellationToken),
            _ => Task.CompletedTask,
        };

    /// <summary>
    /// The image of this container was judged when podman pulled it, and has no signature in podman's storage; its policy counts for what comes later.
    /// </summary>
    private async Task RequireTrustAsync(
        InstallOptions options, InstallPlan plan, IImageSource source, ResolvedImage image, ImageReference reference, CancellationToken cancellationToken)
    {
        using Dir running = Dir.Open("/");
        ImageTrust trust = new(running, steps);
        if (options.SourceImage is not null)
        {
            await trust.RequireAsync(source, image, new(reference, plan.EnforcePolicy), cancellationToken);
        }
        else if (plan.EnforcePolicy)
        {
            trust.RequirePolicy();
        }
    }

    private static void WriteState(
        Dir root, InstallPlan plan, ImageReference source, ImportedImage imported, KernelFiles kernel, CancellationToken cancellationToken)
    {
        ObjectId id = imported.BootImageId;
        StateLayout.Create(root, plan.Stateroot);
        using (Dir var = root.EnsureDir(StateLayout.Var(plan.Stateroot)))
        {
            new TreeExtractor(imported.Files).Extract("/var", var, cancellationToken);
        }

        using (Dir deployment = root.EnsureDir(StateLayout.Deployment(id)))
        {
            DeploymentStore.ExtractEtc(imported.Files, deployment, "etc", cancellationToken);
            using Dir etc = deployment.OpenDir("etc");
            plan.SshKeys?.WriteTo(etc, imported.Files);
            deployment.TrySymlink(StateLayout.VarLink(plan.Stateroot), "var");
            Origin origin = Origin.ForBls(plan.TargetImage, imported.Source.ManifestDigest.ToString(), kernel.ComputeBootDigest(imported.Files))
                .WithPolicyEnforced(plan.EnforcePolicy);
            deployment.WriteAtomically(StateLayout.OriginName(id), origin.ToString());
        }

        root.WriteAtomically(Aleph.FileName, DescribeOrigin(plan, source, imported).ToJson());
        root.SyncFilesystem();
    }

    private static Aleph DescribeOrigin(InstallPlan plan, ImageReference source, ImportedImage imported)
    {
        using Dir proc = Dir.Open("/proc/sys/kernel");
        using Dir? selinux = Dir.TryOpen("/sys/fs/selinux");
        IReadOnlyDictionary<string, string> labels = imported.Source.Config.Labels;
        return new(
            source.Name.StartsWith("/tmp", StringComparison.Ordinal) ? null : source.ToString(),
            imported.Source.ManifestDigest.ToString(),
            plan.TargetImage,
            labels.Count == 0 ? null : labels,
            labels.GetValueOrDefault(VersionLabel),
            imported.Source.Config.Created,
            proc.ReadText("osrelease").Trim(),
            (plan.DisableSelinux, imported.Files.FindFile("/etc/selinux/config"), selinux?.Exists("enforce")) switch
            {
                (true, _, _) => "force-target-disabled",
                (_, null, _) => "disabled",
                (_, _, true) => "enabled",
                _ => "host-disabled",
            },
            plan.RequireVerity ? "required" : "optional",
            Product.Version);
    }

    private async Task WriteBootAsync(InstallPlan plan, PartitionNode node, ImportedImage imported, KernelFiles kernel, CancellationToken cancellationToken)
    {
        SystemdBoot loader = SystemdBoot.Find(imported.Files, plan.Architecture);
        ObjectId id = imported.BootImageId;
        KernelCommandLine options = plan.CommandLineFor(id, ImageKargs.Parse(ConfigFiles.Find(imported.Files, ImageKargs.Folder), plan.Architecture.Name));
        BootEntryFile entry = BootEntryFile.For(ReadOsRelease(imported.Files), id, BootLayout.KernelDirectory(id), options, []);
        using (IBootFilesystem esp = Filesystems.KernelHas("vfat") ? MountedBootFilesystem.Open(node.Path) : new MtoolsBootFilesystem(node.Path, programs))
        {
            await loader.InstallAsync(esp, id, kernel, entry, plan.WriteFirmwareEntry, cancellationToken);
        }
    }

    /// <summary>Tells this machine's firmware to start the boot loader, once it is on the disk.</summary>
    private async Task RegisterAsync(TargetDisk disk, PartitionNode esp, ImageFiles files, MachineArchitecture architecture, CancellationToken cancellationToken)
    {
        SfdiskPartition partition = await disk.DescribePartitionAsync(esp.Number, programs, cancellationToken);
        FirmwareBootEntry entry = new(
            ReadOsRelease(files).Title ?? "bootc",
            esp.Number,
            esp.Start / disk.SectorSize,
            esp.Size / disk.SectorSize,
            Guid.Parse(partition.Uuid ?? throw new FormatException($"sfdisk --json names no UUID for {esp.Path}")),
            "\\" + SystemdBoot.Find(files, architecture).LoaderPath.Replace('/', '\\'));
        IReadOnlySet<Guid> partitions = await KnownPartitions.ReadAsync(programs, cancellationToken);
        try
        {
            using FirmwareVariables firmware = FirmwareVariables.Open();
            firmware.Write(firmware.ReadBootMenu().PutFirst(entry, partitions));
        }
        catch (IOException e)
        {
            throw new BootcException("this machine's firmware took no boot entry, which --generic-image does without", e);
        }
    }

    private static OsRelease ReadOsRelease(ImageFiles files) => OsRelease.Parse(files.TryReadText("/usr/lib/os-release") ?? "");

    private static ImmutableArray<string> Warnings(InstallPlan plan, ImportedImage imported, ImmutableArray<BoundImage> bound)
    {
        List<string> warnings = [.. plan.Warnings, .. imported.Warnings];
        if (plan.MissingVerityReason is { } reason)
        {
            warnings.Add($"{reason}: the installed system does not verify its files (composefs=?)");
        }

        if (plan.BoundImages == BoundImageMode.Skip && !bound.IsEmpty)
        {
            warnings.Add($"images that the image binds were not installed: {string.Join(", ", bound.Select(image => image.Name))}");
        }

        if (UpdateLogin.Warn(ImageReference.Parse(plan.TargetImage), RegistryFiles.ReadPassingLogins(), RegistryFiles.ReadLogins(imported.Files)) is { } login)
        {
            warnings.Add(login);
        }

        return [.. warnings];
    }
}
