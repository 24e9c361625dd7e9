using System.Globalization;
using Bootc.Testing;
using Xunit.Sdk;

namespace Bootc.SystemTests;

/// <summary>
/// Installs to a disk image file that grows until the file system it is in is full. The kernel then fails any write to the loop
/// device, whoever made it: sfdisk, mkfs, or the file system of the new root, and that only when it is synced.
/// </summary>
[Collection(ThisMachine.Collection)]
public sealed class FailingDiskTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-failing-disk");

    private DirectoryInfo Place => new(Path.Join(_folder.FullName, "place"));

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public Task A_disk_image_file_that_has_no_room_to_grow_is_an_error_that_names_it_and_leaves_it_empty() => FillAsync(6);

    [Fact]
    [Trait("Category", "All")]
    public Task A_disk_image_file_may_run_out_of_room_at_any_point() => FillAsync(60);

    /// <summary>Runs the same install with ever more room, short of what it takes.</summary>
    private async Task FillAsync(int steps)
    {
        long needed = Math.Min(await MeasureAsync(), await MeasureAsync());
        for (int step = 0; step < steps; step++)
        {
            // A page is the least that a tmpfs can have.
            long room = Math.Max(4096, needed * step / steps);
            await using Tmpfs place = await Tmpfs.MountAsync(Place.FullName, $"size={room}");
            string disk = LabInstall.NewDisk(Place.FullName);

            try
            {
                await new Refusal(Place).ShouldBeAsync(
                    await Podman.Instance, Refusal.Privileged, await SkeletonImage.Instance, Refusal.ToDisk,
                    $"the file system of /output/disk.img has no space left");
            }
            catch (XunitException e)
            {
                // Whether there was room after all, or a write was lost.
                throw new InvalidOperationException($"an install took {await TakenAsync(disk)} of {room} bytes, and {needed} where nothing was in its way", e);
            }

            (await LabProgram.RunAsync("wipefs", ["--no-act", disk])).Should().BeEmpty("a disk must not look installed");
        }
    }

    /// <summary>What the file takes when nothing is in its way, in bytes.</summary>
    private async Task<long> MeasureAsync()
    {
        await using Tmpfs place = await Tmpfs.MountAsync(Place.FullName, "size=4g");
        string disk = LabInstall.NewDisk(Place.FullName);
        ProgramOutput result = await new Refusal(Place).RunAsync(
            await Podman.Instance, Refusal.Privileged, await SkeletonImage.Instance, Refusal.ToDisk.Split(' '));
        result.ExitCode.Should().Be(0, result.ToString());
        return await TakenAsync(disk);
    }

    private static async Task<long> TakenAsync(string disk) =>
        long.Parse(await LabProgram.RunAsync("stat", ["--format=%b", disk]), CultureInfo.InvariantCulture) * 512;
}
