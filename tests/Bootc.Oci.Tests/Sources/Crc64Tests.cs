using Bootc.Oci.Sources;
using FsCheck.Xunit;

namespace Bootc.Oci.Tests.Sources;

public sealed class Crc64Tests
{
    /// <summary>The check value of CRC-64/GO-ISO in the catalogue of parametrised CRC algorithms.</summary>
    [Fact]
    public void Has_the_catalogues_check_value() => Of("123456789"u8).Should().Be(0xB90956C775A41001);

    [Property]
    public bool Does_not_depend_on_how_the_bytes_arrive(byte[] bytes, byte cut)
    {
        Crc64 crc = new();
        crc.Append(bytes.AsSpan(0, Math.Min(cut, bytes.Length)));
        crc.Append(bytes.AsSpan(Math.Min(cut, bytes.Length)));
        return crc.Value == Of(bytes);
    }

    private static ulong Of(ReadOnlySpan<byte> bytes)
    {
        Crc64 crc = new();
        crc.Append(bytes);
        return crc.Value;
    }
}
