using System.Text;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Linux.Mounts;
using Bootc.Oci.Sources;

namespace Bootc.Host.Operations;

/// <summary>Where an install runs: what podman gave this container, read once.</summary>
/// <param name="Container">What podman says; null outside a container.</param>
/// <param name="IsRoot">Effective uid 0.</param>
/// <param name="IsPrivileged">CAP_SYS_ADMIN in the bounding set.</param>
/// <param name="InUserNamespace">Uids are mapped, as rootless podman does.</param>
/// <param name="SeesHostProcesses">Process 1 is the host's, not this container's.</param>
/// <param name="HasHostDevices">/dev is the host's devtmpfs.</param>
/// <param name="HasContainerStorage">/var/lib/containers holds a storage.</param>
public sealed record InstallEnvironment(
    ContainerEnvironment? Container,
    bool IsRoot,
    bool IsPrivileged,
    bool InUserNamespace,
    bool SeesHostProcesses,
    bool HasHostDevices,
    bool HasContainerStorage)
{
    /// <summary>Where podman keeps its images.</summary>
    public const string StoragePath = BoundImageStorage.DefaultStorage;

    private const string InvocationHint = "podman run --rm --privileged --pid=host -v /dev:/dev -v /var/lib/containers:/var/lib/containers --security-opt label=type:unconfined_t IMAGE bootc install …";

    public static InstallEnvironment Read()
    {
        using Dir root = Dir.Open("/");
        using Dir proc = Dir.Open("/proc");
        string[] uidMap = proc.ReadText("self/uid_map").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return new(
            root.TryReadText("run/.containerenv") is { } text ? ContainerEnvironment.Parse(text) : null,
            Privileges.IsRoot,
            Privileges.HasSysAdmin,
            uidMap is not ["0", "0", "4294967295"],
            SeesHost(proc),
            MountInfo.At("/dev")?.Type == "devtmpfs",
            ContainersStorage.IsAt(StoragePath));
    }

    /// <summary>Whether process 1 is the host's and not one of this container's own.</summary>
    private static bool SeesHost(Dir proc)
    {
        try
        {
            return Namespace("1") is { } first && first != Namespace("self");
        }
        catch (SyscallException denied) when (denied.Errno == Errno.EACCES)
        {
            // Only a process that may do more than we is closed to us: the host's, where podman itself lacks a capability.
            return true;
        }

        string? Namespace(string process) => proc.TryReadLink($"{process}/ns/mnt") is { } link ? Encoding.ASCII.GetString(link) : null;
    }

    /// <summary>Checks what every install needs.</summary>
    public void RequirePrivileges()
    {
        if (!IsRoot)
        {
            throw new BootcException("installing needs root; run podman as root, for example with sudo");
        }

        if (InUserNamespace || Container?.Rootless == true)
        {
            throw new BootcException("podman runs rootless here, and cannot reach disks; run it as root, for example with sudo");
        }

        if (!IsPrivileged)
        {
            throw new BootcException("this container is not privileged; add --privileged to podman run");
        }

        if (!HasHostDevices)
        {
            throw new BootcException("the host's devices are not here; add -v /dev:/dev to podman run");
        }
    }

    /// <summary>Checks what installing the running image itself needs, and gives what podman says of it.</summary>
    public ContainerEnvironment RequireTargetContainer()
    {
        if (Container is null)
        {
            throw new BootcException($"this command must be run from the target container image ({InvocationHint}), or name a source with --source-imgref");
        }

        RequirePrivileges();
        if (!Container.Engine.StartsWith("podman", StringComparison.Ordinal))
        {
            throw new BootcException(Container.Engine.Length == 0
                ? "/run/.containerenv names no container engine; run this image with podman run --privileged, or name a source with --source-imgref"
                : $"this container is run by {Container.Engine}; only podman tells which image it runs, so use podman or name a source with --source-imgref");
        }

        if (!SeesHostProcesses)
        {
            throw new BootcException("this container has its own process namespace; add --pid=host to podman run");
        }

        if (Container.ImageId.Length == 0)
        {
            throw new BootcException("/run/.containerenv names no image id; this container was not started from an image (podman run --rootfs?), so name a source with --source-imgref");
        }

        return HasContainerStorage
            ? Container
            : throw new BootcException("podman's image storage is not here; add -v /var/lib/containers:/var/lib/containers to podman run");
    }
}
