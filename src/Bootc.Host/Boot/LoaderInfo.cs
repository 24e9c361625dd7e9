using System.Text;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>Which boot loader started this machine: the EFI variable LoaderInfo of the Boot Loader Interface.</summary>
public static class LoaderInfo
{
    private const string Variable = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
    private const int AttributeBytes = 4;

    /// <summary><c>systemd</c>, <c>grub-cc</c>, or <c>grub</c> where nothing says otherwise, as upstream decides it.</summary>
    public static string Read()
    {
        using Dir root = Dir.Open("/");
        return Name(root.TryReadBytes(Variable[1..]));
    }

    internal static string Name(byte[]? variable)
    {
        string info = variable is { Length: > AttributeBytes } ? Encoding.Unicode.GetString(variable, AttributeBytes, variable.Length - AttributeBytes) : "";
        return info.Contains("systemd-boot", StringComparison.OrdinalIgnoreCase) ? "systemd"
            : info.Contains("grub cc", StringComparison.OrdinalIgnoreCase) ? "grub-cc"
            : "grub";
    }
}
