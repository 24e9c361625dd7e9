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
        await WriteTableAsync();

        string dump = await _programs.RunAsync("sfdisk", ["--dump", _disk]);

        dump.Should().Contain("label: gpt")
            .And.MatchRegex("start= *2048, size= *2097152, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, .*name=\"EFI-SYSTEM\"")
            .And.MatchRegex("start= *2099200, size= .*type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, .*name=\"root\"");
    }

    [Fact]
    public async Task Signatures_of_a_disk_are_those_that_wipefs_sees()
    {
        (await DiskFacts.ReadAsync(await BlankAsync(), true, _programs, default)).Signatures.Should().BeEmpty();
        await WriteTableAsync();

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

    private async Task WriteTableAsync()
    {
        using MemoryStream script = new(Encoding.UTF8.GetBytes(PartitionTable.For(MachineArchitecture.X64).ToScript()));
        await _programs.RunAsync("sfdisk", ["--quiet", await BlankAsync()], script);
    }

    private async Task<string> BlankAsync()
    {
        await using FileStream file = new(_disk, FileMode.Create);
        file.SetLength(4L << 30);
        return _disk;
    }
}
