using Bootc.Host.Boot;
using Bootc.Host.Tests.Operations;
using Bootc.Linux;
using Bootc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Boot;

/// <summary>Each write of mtools to a boot file system fails in turn. After most of them mtools ends with exit code 0.</summary>
public sealed class MtoolsBootFilesystemTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-mtools");

    private string Esp => Path.Join(_folder.FullName, "esp");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(Errno.EIO, "Input/output error")]
    [InlineData(Errno.ENOSPC, "No space left on device")]
    public async Task A_write_that_fails_is_an_error_whatever_mtools_makes_of_it(Errno errno, string reason)
    {
        await HostPackages.EnsureAsync();
        int failures = 0;
        for (int number = 1; ; number++)
        {
            File.Delete(Esp);
            await LabProgram.RunAsync("mkfs.vfat", ["-F", "32", "-C", Esp, "65536"]);
            CallFault fault = new(errno, number, GoesOn: false, _folder.FullName) { Kind = "mtools write" };

            Exception? failure = await FailingCalls.RunAsync(fault, FillAsync);

            if (fault.First is null)
            {
                failure.Should().BeNull();
                break;
            }

            failure.Should().BeOfType<BootcException>($"write {number} failed").Which.Message.Should().Contain(reason);
            failures++;
        }

        failures.Should().BeGreaterThan(10);
    }

    private async Task FillAsync()
    {
        using MtoolsBootFilesystem esp = new(Esp, new Programs(NullLogger<Programs>.Instance));
        await esp.EnsureDirectoryAsync("loader/entries", default);
        using MemoryStream content = new(new byte[100_000]);
        await esp.WriteFileAsync("loader/entries/lab.conf.new", content, default);
        await esp.RenameAsync("loader/entries/lab.conf.new", "loader/entries/lab.conf", default);
    }
}
