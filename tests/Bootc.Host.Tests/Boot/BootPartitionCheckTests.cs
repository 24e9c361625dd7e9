using Bootc.Host.Boot;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Boot;

/// <summary>FAT that was not unmounted; the judge is fsck.fat.</summary>
public sealed class BootPartitionCheckTests : IDisposable
{
    private readonly string _image = Path.Join(Path.GetTempPath(), $"bootc-fat-{Guid.NewGuid()}");

    public void Dispose() => File.Delete(_image);

    [Theory]
    [InlineData(16, 32 << 10, 0x25)]
    [InlineData(32, 64 << 10, 0x41)]
    public async Task What_was_not_unmounted_is_repaired_and_nothing_else_is_touched(int bits, int kibibytes, int state)
    {
        await LabProgram.RunAsync("mkfs.vfat", ["-F", $"{bits}", "-C", _image, $"{kibibytes}"]);
        await LabProgram.RunAsync("mmd", ["-i", _image, "::/loader"]);
        byte[] sound = await File.ReadAllBytesAsync(_image);
        await CheckAsync();
        (await File.ReadAllBytesAsync(_image)).AsSpan().SequenceEqual(sound).Should().BeTrue("it was unmounted");

        await File.WriteAllBytesAsync(_image, [.. sound[..state], (byte)(sound[state] | 1), .. sound[(state + 1)..]]);
        (await LabProgram.TryRunAsync("fsck.fat", ["-n", _image])).ExitCode.Should().Be(1, "it says that it is dirty");
        await CheckAsync();

        (await LabProgram.TryRunAsync("fsck.fat", ["-n", _image])).ExitCode.Should().Be(0);
        (await LabProgram.RunAsync("mdir", ["-b", "-i", _image, "::/"])).Should().Contain("loader");
    }

    private Task CheckAsync() => new BootPartitionCheck(new Programs(NullLogger<Programs>.Instance), Steps.Silent).RunAsync(_image, default);
}
