using Bootc.Host.Disks;

namespace Bootc.Host.Tests.Disks;

public class PartitionSizeTests
{
    [Theory]
    [InlineData("2048", 2048)]
    [InlineData("2048M", 2048)]
    [InlineData("2048MiB", 2048)]
    [InlineData("3G", 3072)]
    [InlineData("3GiB", 3072)]
    [InlineData("1T", 1 << 20)]
    [InlineData("1TiB", 1 << 20)]
    public void Is_a_number_with_or_without_a_unit(string text, long mebibytes)
    {
        PartitionSize.TryParse(text, out PartitionSize? size).Should().BeTrue();
        size!.Mebibytes.Should().Be(mebibytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.5G")]
    [InlineData("1K")]
    [InlineData("G")]
    [InlineData(" 1")]
    [InlineData("9999999999999999999")]
    [InlineData("99999999999T")]
    public void Anything_else_is_no_size(string text) => PartitionSize.TryParse(text, out _).Should().BeFalse();
}
