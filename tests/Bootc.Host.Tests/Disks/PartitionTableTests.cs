using System.Text;
using Bootc.Host.Disks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Disks;

public sealed class PartitionTableTests : IDisposable
{
    private readonly string _disk = Path.GetTempFileName();
    private readonly Programs _programs = new(NullLogger<Programs>.Instance);

    public void Dispose() => File.Delete(_disk);

    [Fact]
    public async Task Sfdisk_makes_of_the_script_what_the_table_says()
    {
        await WriteTableAsync(MachineArchitecture.X64);

        string dump = await _programs.RunAsync("sfdisk", ["--dump", _disk]);

        dump.Should().Contain("label: gpt")
            .And.MatchRegex("start= *2048, size= *2097152, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, .*name=\"EFI-SYSTEM\"")
            .And.MatchRegex("start= *2099200, size= .*type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, .*name=\"root\"");
    }

    /// <summary>Firmware and systemd find partitions by these types alone; fdisk has its own list of what they mean.</summary>
    [Theory]
    [InlineData("x64", "Linux root (x86-64)")]
    [InlineData("arm64", "Linux root (ARM-64)")]
    public async Task Fdisk_sees_an_ESP_and_a_root_of_the_architecture(string architecture, string root)
    {
        await WriteTableAsync(architecture == "arm64" ? MachineArchitecture.Arm64 : MachineArchitecture.X64);

        string types = await _programs.RunAsync("sfdisk", ["--quiet", "--list", "--output", "TYPE", _disk]);

        types.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().Equal("Type", "EFI System", root);
    }

    [Fact]
    public async Task Signatures_of_a_disk_are_those_that_wipefs_sees()
    {
        (await DiskFacts.ReadAsync(await BlankAsync(), true, _programs, default)).Signatures.Should().BeEmpty();
        await WriteTableAsync(MachineArchitecture.X64);

        DiskFacts facts = await DiskFacts.ReadAsync(_disk, true, _programs, default);

        facts.Signatures.Should().Contain("gpt");
        facts.Size.Should().Be(4L << 30);
        facts.Holders.Should().BeEmpty();
    }

    [Theory]
    [InlineData("/nonexistent", false, "there is no device*")]
    [InlineData("/nonexistent", true, "there is no file*truncate*")]
    [InlineData("/dev/null", false, "*not a block device")]
    [InlineData("/dev/null", true, "*not a regular file*")]
    public async Task A_target_of_the_wrong_kind_is_named(string path, bool viaLoopback, string message) =>
        await FluentActions.Awaiting(() => DiskFacts.ReadAsync(path, viaLoopback, _programs, default)).Should().ThrowAsync<BootcException>().WithMessage(message);

    [Fact]
    public async Task A_program_that_fails_is_quoted_with_its_last_words() =>
        await FluentActions.Awaiting(() => _programs.RunAsync("sfdisk", ["--json", "/nonexistent"])).Should().ThrowAsync<BootcException>()
            .WithMessage("sfdisk --json /nonexistent: exit code 1: *cannot open*");

    [Fact]
    public async Task A_program_that_is_not_there_is_named() =>
        await FluentActions.Awaiting(() => _programs.RunAsync("no-such-program", [])).Should().ThrowAsync<BootcException>().WithMessage("*no-such-program*");

    private async Task WriteTableAsync(MachineArchitecture architecture)
    {
        using MemoryStream script = new(Encoding.UTF8.GetBytes(PartitionTable.For(architecture).ToScript()));
        await _programs.RunAsync("sfdisk", ["--quiet", await BlankAsync()], script);
    }

    private async Task<string> BlankAsync()
    {
        await using FileStream file = new(_disk, FileMode.Create);
        file.SetLength(4L << 30);
        return _disk;
    }
}
