using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Bootc.Linux;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Boot;

/// <summary>The variables of this machine's UEFI firmware, through efivarfs: UEFI specification 2.10, section 3.3.</summary>
public sealed partial class FirmwareVariables : IDisposable
{
    private const string GlobalVariable = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private const string BootOrder = "BootOrder";

    /// <summary>Before the content of each file in efivarfs.</summary>
    private const int AttributeBytes = 4;

    // Non-volatile, usable at boot, usable at run time.
    private const uint Attributes = 7;

    private readonly DetachedMount _mount;
    private readonly Dir _variables;

    private FirmwareVariables(DetachedMount mount)
    {
        _mount = mount;
        _variables = mount.OpenRoot();
    }

    /// <summary>Whether this machine was started by UEFI.</summary>
    public static bool Available
    {
        get
        {
            using Dir? firmware = Dir.TryOpen("/sys/firmware/efi");
            return firmware is not null;
        }
    }

    /// <summary>Opens them through a mount that nobody else sees.</summary>
    public static FirmwareVariables Open()
    {
        using FilesystemContext context = FilesystemContext.Open("efivarfs");
        return new(context.Mount());
    }

    public FirmwareBootMenu ReadBootMenu()
    {
        ImmutableSortedDictionary<ushort, byte[]>.Builder options = ImmutableSortedDictionary.CreateBuilder<ushort, byte[]>();
        foreach (DirEntry file in _variables.Entries())
        {
            if (BootOption().Match(file.Text) is { Success: true } match)
            {
                ushort number = ushort.Parse(match.Groups["number"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                options[number] = Read(file.Text) ?? [];
            }
        }

        return new(options.ToImmutable(), [.. Read($"{BootOrder}-{GlobalVariable}") ?? []]);
    }

    /// <summary>Writes the option and then the order, which names it.</summary>
    public void Write(FirmwareBootChange change)
    {
        Write($"Boot{change.Number:X4}", change.Option);
        Write(BootOrder, change.Order);
    }

    public void Dispose()
    {
        _variables.Dispose();
        _mount.Dispose();
    }

    private byte[]? Read(string file) =>
        _variables.TryReadBytes(file) is { } bytes ? bytes[Math.Min(AttributeBytes, bytes.Length)..] : null;

    // efivarfs takes a variable in one write only.
    private void Write(string name, byte[] content)
    {
        byte[] data = new byte[AttributeBytes + content.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(data, Attributes);
        content.CopyTo(data, AttributeBytes);
        using Fd variable = _variables.EnsureFile($"{name}-{GlobalVariable}");
        variable.Write(data);
    }

    [GeneratedRegex($"^Boot(?<number>[0-9A-F]{{4}})-{GlobalVariable}$")]
    private static partial Regex BootOption();
}
