namespace Bootc.Composefs.Store;

/// <summary>fs-verity is required, but this kernel or this file system does not have it.</summary>
public sealed class VerityUnavailableException(string path)
    : IOException($"{path} cannot be protected with fs-verity: the kernel or the file system does not support it");
