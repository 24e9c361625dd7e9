using System.Collections.Concurrent;
using System.Collections.Immutable;
using Bootc.Linux.Mounts;
using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>A judge of the states of one recording. Any number of states may be judged at the same time.</summary>
/// <param name="recording">The recording.</param>
/// <param name="scratch">Where the disks are put together.</param>
public sealed class CrashStateJudge(Recording recording, Scratch scratch)
{
    // Most states differ from others in one of the two parts only.
    private readonly ConcurrentDictionary<string, Lazy<Task<BootPartitionVerdict>>> _boot = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<string?>>> _both = new();
    private readonly ConcurrentDictionary<string, bool> _isKnown = new();

    /// <summary>Whether the state was judged before by its parts, so that its disk need not be made.</summary>
    public bool IsKnown(CrashState state) => _isKnown.ContainsKey(NameOf(state));

    /// <summary>Judges a state; null where all is well.</summary>
    /// <param name="expected">What it has to be like.</param>
    /// <param name="state">The state.</param>
    /// <param name="esp">The file with its boot partition; it is repaired in passing.</param>
    /// <param name="root">The file with its root; its journal is replayed in passing.</param>
    public async Task<string?> JudgeAsync(Expectation expected, CrashState state, string esp, string root)
    {
        BootPartitionVerdict boot = await _boot.GetOrAdd(
            state.NameOf(recording.Facts.Esp, recording), _ => new(() => BootPartitionVerdict.JudgeAsync(scratch[esp]))).Value;
        string? problem = expected.FindProblem(boot)
            ?? (boot.HasEntries
                ? await _both.GetOrAdd($"{boot.Text} {state.NameOf(recording.Facts.Root, recording)}", _ => new(() => JudgeRootAsync(expected, boot, root))).Value
                : null);
        _isKnown[NameOf(state)] = true;
        return problem;
    }

    /// <summary>Goes on from a state as the machine's next commands do; null where that ends as it should.</summary>
    /// <param name="operation">The operation that was cut.</param>
    /// <param name="expected">What its states are like.</param>
    /// <param name="esp">The file with the boot partition.</param>
    /// <param name="root">The file with the root.</param>
    /// <param name="restores">Whether what was being removed is wanted again.</param>
    public async Task<string?> ConvergeAsync(string operation, Expectation expected, string esp, string root, bool restores) =>
        await GoOnAndLookAsync(operation, expected, esp, root, restores) ?? await CheckFilesystemAsync(scratch[root]);

    private async Task<string?> GoOnAndLookAsync(string operation, Expectation expected, string esp, string root, bool restores)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-esp");
        try
        {
            BootPartitionVerdict boot = await BootPartitionVerdict.JudgeAsync(scratch[esp]);
            await BootPartitionVerdict.CopyAllAsync(scratch[esp], folder.FullName);
            using MountedImage mounted = await MountedImage.MountAsync(scratch[root], recording.Facts.Filesystem);
            using FolderMachine machine = new(mounted.Path, folder.FullName, boot.Deployments[0]);
            string[] wanted = await GoOnAsync(operation, machine, boot.Deployments, restores);
            (string[] deployments, string others) = machine.ReadMenu();
            RootVerdict seen = await RootVerdict.LookAsync(mounted.Path);
            string repository = Path.Join(mounted.Path, "composefs");
            string? damage = wanted.Select(id => FindDamage(expected, seen, id, repository)).FirstOrDefault(problem => problem is not null);
            ProgramOutput fsck = await LabProgram.TryRunAsync((await Product.Instance).Bootc, ["internals", "composefs", "fsck", "--repo", repository]);
            return !deployments.SequenceEqual(wanted) ? $"it went on to the menu {string.Join(", ", deployments)} in place of {string.Join(", ", wanted)}"
                : others != boot.Menu[Recorder.ForeignEntry] ? $"it changed the entries of others: {others}"
                : damage is not null ? $"it went on to a damaged deployment: {damage}"
                : !machine.IsClean ? "it left something that nothing needs"
                : fsck.ExitCode == 0 ? null
                : $"fsck: {fsck}";
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return $"it did not go on: {e}";
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The root's own checker, after the kernel has replayed the journal and everything was written.</summary>
    private async Task<string?> CheckFilesystemAsync(string image)
    {
        (string program, string[] arguments) = recording.Facts.Filesystem switch
        {
            "ext4" => ("e2fsck", ["-f", "-n", image]),
            "xfs" => ("xfs_repair", ["-n", image]),
            _ => ("btrfs", (string[])["check", "--readonly", image]),
        };
        // A program that another judge was starting may have held the mount for a moment longer.
        for (int tries = 0; tries < 200 && await LabProgram.RunAsync("losetup", ["-j", image]) != ""; tries++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        ProgramOutput check = await LabProgram.TryRunAsync(program, arguments);
        return check.ExitCode == 0 ? null : $"{program}: {check}";
    }

    /// <summary>What the machine does next, and the menu that this has to lead to.</summary>
    private async Task<string[]> GoOnAsync(string operation, FolderMachine machine, IReadOnlyList<string> menu, bool restores)
    {
        (string first, string second) = (recording.Facts.First, recording.Facts.Second);
        switch (operation)
        {
            case "stage" or "finalize" when menu[0] == first:
                await machine.UpdateAsync($"{Path.Join(recording.Folder, Recording.Layout)}:2");
                machine.CollectGarbage();
                return [second, first];
            case "stage" or "finalize":
                machine.CollectGarbage();
                return [second, first];
            case Recorder.Repair:
                await machine.HealAsync();
                return [.. menu];
            case "count" or "rollback" or Recorder.RollbackAfterKill:
                machine.RollBack();
                machine.CollectGarbage();
                return [.. menu.Reverse()];
            case "garbage" when restores:
                await machine.UpdateAsync($"{Path.Join(recording.Folder, Recording.Layout)}:1");
                machine.CollectGarbage();
                return [first, second];
            default:
                machine.Delete(first);
                return [second];
        }
    }

    private static string? FindDamage(Expectation expected, RootVerdict seen, string id, string repository) =>
        !seen.Deployments.TryGetValue(id, out DeploymentVerdict? deployment) ? $"{id} has no state"
            : deployment.Var != expected.After.Root.Deployments.Values.First().Var ? $"the /var of {id} is {deployment.Var}"
            : deployment.Origin == "none" ? $"{id} has no origin"
            : expected.Images[id].FindDamage(repository, seen);

    private string NameOf(CrashState state) => $"{state.NameOf(recording.Facts.Esp, recording)} {state.NameOf(recording.Facts.Root, recording)}";

    private async Task<string?> JudgeRootAsync(Expectation expected, BootPartitionVerdict boot, string root)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-esp");
        try
        {
            // HostStatus reads it as BootEntries does: the product's own reader beside mtools.
            DirectoryInfo entries = folder.CreateSubdirectory("loader/entries");
            foreach ((string name, string text) in boot.Menu)
            {
                await File.WriteAllTextAsync(Path.Join(entries.FullName, name), text);
            }

            using MountedImage mounted = await MountedImage.MountAsync(scratch[root], recording.Facts.Filesystem);
            RootVerdict seen = await RootVerdict.LookAsync(mounted.Path);
            if (expected.FindProblem(boot, seen, Path.Join(mounted.Path, "composefs")) is { } problem)
            {
                return problem;
            }

            using FolderMachine machine = new(mounted.Path, folder.FullName, boot.Deployments[0]);
            return machine.FindStatusProblem(boot.Deployments);
        }
        catch (MountException e)
        {
            return $"the root cannot be mounted: {e.Message}";
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
