using Bootc.Host.Disks;
using Bootc.Linux.Mounts;

namespace Bootc.Host.Tests.Disks;

public class RunningDiskTests
{
    // In the form of lsblk: two disks, and LUKS on one of them.
    private const string TwoDisks = """
        {"blockdevices": [
          {"name":"/dev/vda","pkname":null,"maj:min":"254:0","parttype":null,"partuuid":null},
          {"name":"/dev/vda1","pkname":"/dev/vda","maj:min":"254:1","parttype":"c12a7328-f81f-11d2-ba4b-00a0c93ec93b","partuuid":"11111111-0000-0000-0000-000000000000"},
          {"name":"/dev/vda2","pkname":"/dev/vda","maj:min":"254:2","parttype":"4f68bce3-e8cd-4db1-96e7-fbcaf984b709","partuuid":"22222222-0000-0000-0000-000000000000"},
          {"name":"/dev/vdb","pkname":null,"maj:min":"254:16","parttype":null,"partuuid":null},
          {"name":"/dev/vdb1","pkname":"/dev/vdb","maj:min":"254:17","parttype":"c12a7328-f81f-11d2-ba4b-00a0c93ec93b","partuuid":"33333333-0000-0000-0000-000000000000"},
          {"name":"/dev/vdb2","pkname":"/dev/vdb","maj:min":"254:18","parttype":"4f68bce3-e8cd-4db1-96e7-fbcaf984b709","partuuid":"44444444-0000-0000-0000-000000000000"},
          {"name":"/dev/mapper/root","pkname":"/dev/vdb2","maj:min":"253:0","parttype":null,"partuuid":null}
        ]}
        """;

    [Theory]
    [InlineData("254:2", "/dev/vda2", null, "/dev/vda1")]
    [InlineData("254:18", "/dev/vdb2", null, "/dev/vdb1")]
    [InlineData("253:0", "/dev/mapper/root", null, "/dev/vdb1")]
    [InlineData("0:31", "/dev/vdb2", null, "/dev/vdb1")]
    [InlineData("254:2", "/dev/vda2", "33333333-0000-0000-0000-000000000000", "/dev/vdb1")]
    [InlineData("254:2", "/dev/vda2", "99999999-0000-0000-0000-000000000000", "/dev/vda1")]
    [InlineData("0:31", "share", null, null)]
    public void The_ESP_is_the_boot_loaders_own_or_that_of_the_disk_below_the_root(string number, string source, string? loader, string? esp)
    {
        MountInfo sysroot = new(1, number, "/", "/sysroot", "ro", "ext4", source, "rw");

        RunningDisk.ChooseEsp(RunningDisk.Parse(TwoDisks), loader is null ? null : Guid.Parse(loader), sysroot).Should().Be(esp);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"blockdevices": 1}""")]
    public void Anything_else_that_lsblk_prints_is_an_error(string text) =>
        FluentActions.Invoking(() => RunningDisk.Parse(text)).Should().Throw<FormatException>().WithMessage("lsblk --json*");
}
