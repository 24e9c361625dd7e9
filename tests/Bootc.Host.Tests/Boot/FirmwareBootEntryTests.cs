using Bootc.Host.Boot;

namespace Bootc.Host.Tests.Boot;

public class FirmwareBootEntryTests
{
    // Worked out by hand from the UEFI specification 2.10, 3.1.3, 10.3.5.1 and 10.3.5.4.
    [Fact]
    public void Is_a_load_option_of_a_hard_drive_and_a_file() =>
        Convert.ToHexStringLower(new FirmwareBootEntry("Hi", 1, 2048, 4096, new Guid("00112233-4455-6677-8899-aabbccddeeff"), @"\A").ToLoadOption())
            .Should().Be(
                "01000000" + "3800" + "480069000000"
                + "0401" + "2a00" + "01000000" + "0008000000000000" + "0010000000000000" + "33221100554477668899aabbccddeeff" + "0202"
                + "0404" + "0a00" + "5c0041000000"
                + "7fff" + "0400");
}
