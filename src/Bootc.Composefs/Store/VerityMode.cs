namespace Bootc.Composefs.Store;

/// <summary>
/// Whether content must be protected by the kernel's fs-verity. The caller decides, from the kernel command line or its own
/// options; what is found on disk never weakens it (specification §2.1 is not followed there: an unsigned file would decide).
/// </summary>
public enum VerityMode
{
    /// <summary>Every object gets fs-verity and is refused without it.</summary>
    Required,

    /// <summary>Objects get fs-verity where kernel and file system have it; where not, their content is hashed in user space.</summary>
    Optional,
}
