using System.Text.RegularExpressions;

namespace Bootc.Testing.Vm;

/// <summary>A guest that is up, or coming up, with a root shell to it. It runs on a copy of the machine's disk.</summary>
public sealed partial class RunningGuest : IAsyncDisposable
{
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);

    private RunningGuest(Qemu qemu, GuestShell shell, string folder)
    {
        Qemu = qemu;
        Shell = shell;
        Folder = folder;
    }

    /// <summary>The machine.</summary>
    public Qemu Qemu { get; }

    /// <summary>The shell; it answers once the guest is up.</summary>
    public GuestShell Shell { get; }

    /// <summary>Where the console's log and the disk are.</summary>
    public string Folder { get; }

    /// <summary>Starts a machine.</summary>
    /// <param name="prompt">Whether the shell is for a person.</param>
    public static async Task<RunningGuest> StartAsync(
        MachineState machine, string name, bool prompt = false, CancellationToken cancellationToken = default)
    {
        string folder = Guest.NewFolder(name);
        MachineState copy = await machine.BranchAsync(folder, cancellationToken);
        return await StartAsync(await Guest.ArgumentsAsync(copy), folder, prompt, cancellationToken: cancellationToken);
    }

    /// <summary>Starts a machine made of other parts.</summary>
    /// <param name="arguments">For QEMU: disks, and what to boot.</param>
    internal static async Task<RunningGuest> StartAsync(
        IEnumerable<string> arguments, string folder, bool prompt = false, int mebibytes = Qemu.DefaultMebibytes,
        bool reboots = false, CancellationToken cancellationToken = default)
    {
        // Paths of Unix sockets end at 107 bytes; those of checkouts do not.
        string socket = Path.Join(Path.GetTempPath(), $"bootc-lab-{Guid.NewGuid():N}");
        Qemu qemu = await Qemu.StartAsync(
            [.. arguments, .. GuestShell.Arguments(socket, prompt)], Path.Join(folder, "console.log"), mebibytes, reboots);
        try
        {
            await qemu.WaitAsync("QEMU's start", () => File.Exists(socket), TimeSpan.FromSeconds(30), cancellationToken);
            GuestShell shell = await GuestShell.ConnectAsync(socket, cancellationToken);
            File.Delete(socket);
            return new(qemu, shell, folder);
        }
        catch
        {
            await qemu.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a machine and waits until its system is up, with or without failed units.</summary>
    /// <param name="arguments">For QEMU: disks, and what to boot.</param>
    /// <param name="folder">Where the console's log goes.</param>
    /// <param name="reboots">Whether a reboot of the guest is one; otherwise it ends QEMU.</param>
    public static async Task<RunningGuest> BootAsync(
        IEnumerable<string> arguments, string folder, bool reboots = false)
    {
        RunningGuest guest = await StartAsync(arguments, folder, reboots: reboots);
        try
        {
            // The firmware would swallow what is sent to the shell before.
            await guest.WaitForLoginAsync();
            await guest.WaitUntilUpAsync();
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until nothing is being started any more.</summary>
    public Task WaitUntilUpAsync() => Shell.RunAsync("systemctl is-system-running --wait", BootLimit);

    /// <summary>Waits for the login prompt on the console and returns the lines it stands under.</summary>
    public async Task<string> WaitForLoginAsync(CancellationToken cancellationToken = default)
    {
        await Qemu.WaitAsync("the login prompt", () => Qemu.Console.Has(LoginPrompt()), BootLimit, cancellationToken);
        return LoginPrompt().Match(Qemu.Console.Text).Value.Trim();
    }

    /// <summary>How often the login prompt was on the console.</summary>
    public int LoginPrompts => LoginPrompt().Count(Qemu.Console.Text);

    /// <summary>agetty's greeting (/etc/issue) and prompt.</summary>
    [GeneratedRegex(@"^[^\r\n]+ ttyS0\s+^\S+ login: ", RegexOptions.Multiline)]
    private static partial Regex LoginPrompt();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Shell.Dispose();
        await Qemu.DisposeAsync();
    }
}
