using System.Text;
using Bootc.Testing;
using Bootc.Testing.Vm;

namespace Bootc.SystemTests;

/// <summary>The EFI system partition of a machine that was just installed, read by mtools and byte by byte.</summary>
public sealed class EspTests : IAsyncLifetime
{
    private const long EspOffset = 1 << 20;
    private const int SlotBytes = 32;
    private const int SectorBytes = 512;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-esp");
    private string _disk = "";
    private string _image = "";

    public async Task InitializeAsync()
    {
        _image = await LabImages.Debian;
        _disk = (await LabInstall.Debian).Disk;
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("EFI/BOOT/BOOTX64.EFI", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi")]
    [InlineData("EFI/systemd/systemd-bootx64.efi", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi")]
    [InlineData("EFI/Linux/*/vmlinuz", "/usr/lib/modules/*/vmlinuz")]
    [InlineData("EFI/Linux/*/initrd", "/usr/lib/modules/*/initramfs.img")]
    public async Task Loader_kernel_and_initrd_are_those_of_the_image(string onEsp, string inImage)
    {
        Podman podman = await Podman.Instance;
        string path = onEsp.Replace("*", $"bootc_composefs-{await DeploymentAsync()}");
        string copy = Path.Join(_folder.FullName, "file");
        await MtoolsAsync("mcopy", $"::/{path}", copy);

        string expected = await podman.RunAsync(
            ["run", "--rm", "--network=none", _image, "sh", "-c", $"f=$(ls {inImage} {inImage}.signed 2>/dev/null | head -n1); sha256sum < $f"]);
        (await LabProgram.RunAsync("sha256sum", [copy])).Split(' ')[0].Should().Be(expected.Split(' ')[0]);
    }

    [Fact]
    public async Task There_is_one_entry_without_a_counter()
    {
        string[] entries = (await MtoolsAsync("mdir", "-b", "::/loader/entries")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        entries.Should().Equal("::/loader/entries/bootc_debian-13-1.conf");
    }

    /// <summary>Rule R8 of docs: a power cut during their exchange must not leave both names for one directory.</summary>
    [Fact]
    public async Task Live_and_staged_entries_have_their_directory_slots_in_one_sector()
    {
        byte[] esp = await ReadEspAsync();
        byte[] cluster = FindDirectory(esp, "loader");

        int live = SlotOf(cluster, "ENTRIES    ");
        int staged = SlotOf(cluster, "ENTRIE~1STA");
        (live / SectorBytes).Should().Be(staged / SectorBytes);
        live.Should().BePositive();
    }

    private static int SlotOf(byte[] directory, string shortName)
    {
        for (int at = 0; at < directory.Length; at += SlotBytes)
        {
            // 0x0F marks a part of a long name.
            if (directory[at + 11] != 0x0F && Encoding.ASCII.GetString(directory, at, 11) == shortName)
            {
                return at;
            }
        }

        throw new InvalidOperationException($"no \"{shortName}\" among {string.Join(", ", Enumerable.Range(0, 16).Select(i => Encoding.ASCII.GetString(directory, i * SlotBytes, 11)))}");
    }

    // FAT32 by its specification: reserved sectors, two tables, then clusters from number 2.
    private static byte[] FindDirectory(byte[] esp, string name)
    {
        int clusterBytes = esp[13] * SectorBytes;
        long data = (BitConverter.ToUInt16(esp, 14) + (2L * BitConverter.ToUInt32(esp, 36))) * SectorBytes;
        byte[] root = Cluster(BitConverter.ToUInt32(esp, 44));
        int slot = SlotOf(root, name.ToUpperInvariant().PadRight(11));
        return Cluster(((uint)BitConverter.ToUInt16(root, slot + 20) << 16) | BitConverter.ToUInt16(root, slot + 26));

        byte[] Cluster(uint number) => esp.AsSpan((int)(data + ((number - 2) * clusterBytes)), clusterBytes).ToArray();
    }

    private async Task<byte[]> ReadEspAsync()
    {
        const int Enough = 64 << 20; // tables and first clusters
        byte[] bytes = new byte[Enough];
        await using FileStream disk = File.OpenRead(_disk);
        disk.Position = EspOffset;
        await disk.ReadExactlyAsync(bytes);
        return bytes;
    }

    private async Task<string> DeploymentAsync()
    {
        string[] directories = (await MtoolsAsync("mdir", "-b", "::/EFI/Linux")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return directories.Should().ContainSingle().Subject.Split("bootc_composefs-")[1].TrimEnd('/');
    }

    private Task<string> MtoolsAsync(string program, params string[] arguments) =>
        LabProgram.RunAsync("env", ["MTOOLS_SKIP_CHECK=1", program, "-i", $"{_disk}@@{EspOffset}", .. arguments]);
}
