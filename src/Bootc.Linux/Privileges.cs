using Bootc.Linux.Interop;
using static Bootc.Linux.Interop.Constants;

namespace Bootc.Linux;

/// <summary>What this process may do.</summary>
public static class Privileges
{
    private const int CapSysAdmin = 21;

    /// <summary>----w--w-</summary>
    private const uint WriteOfOthers = 0x12;

    public static bool IsRoot => Libc.GetEUid() == 0;

    /// <summary>Gives files the modes that they are made with, whatever the user's umask takes from them: it is a system that is written here.</summary>
    public static void ResetUmask() => _ = Libc.Umask(WriteOfOthers);

    /// <summary>Whether CAP_SYS_ADMIN is in the bounding set: false in a container that is not privileged.</summary>
    public static bool HasSysAdmin => Libc.PrCtl(PR_CAPBSET_READ, CapSysAdmin, 0, 0, 0) == 1;
}
