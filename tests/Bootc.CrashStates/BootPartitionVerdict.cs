using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Bootc.Testing;
using CliWrap;

namespace Bootc.CrashStates;

/// <summary>What mtools read on a boot partition, before and after fsck.fat repaired it.</summary>
/// <param name="Menu">The files of the live menu, with their text.</param>
/// <param name="Kernels">The files that its entries boot by, and those of all directories that count as kernels, with their SHA-256.</param>
/// <param name="Problem">What is wrong; null where nothing is.</param>
public sealed partial record BootPartitionVerdict(
    IReadOnlyDictionary<string, string> Menu, IReadOnlyDictionary<string, string> Kernels, string? Problem)
{
    /// <summary>Whether there is anything to boot by.</summary>
    public bool HasEntries => Menu.Count > 0;

    /// <summary>The menu as one text.</summary>
    public string Text => TextOf(Menu);

    /// <summary>The deployments of the menu's entries, the one that boots first being the first.</summary>
    public IReadOnlyList<string> Deployments =>
    [
        .. from text in Menu.Values
           let deployment = Deployment().Match(text)
           where deployment.Success
           orderby Field(text, "sort-key")
           select deployment.Groups[1].Value,
    ];

    /// <summary>Judges an image of a boot partition, which is repaired in passing as at the next boot.</summary>
    public static async Task<BootPartitionVerdict> JudgeAsync(string image)
    {
        BootPartitionVerdict before = await ReadAsync(image);
        if (before.Problem is not null)
        {
            return before;
        }

        // As systemd-fsck does.
        ProgramOutput repair = await LabProgram.TryRunAsync("fsck.fat", ["-a", image]);
        if (repair.ExitCode is not (0 or 1))
        {
            return before with { Problem = $"fsck.fat: {repair}" };
        }

        BootPartitionVerdict after = repair.ExitCode == 0 ? before : await ReadAsync(image);
        return after.Problem is not null || after.Text != before.Text || TextOf(after.Kernels) != TextOf(before.Kernels)
            ? before with { Problem = $"fsck.fat changed what boots: {after.Problem}{after.Text}{repair}" }
            : before;
    }

    /// <summary>Copies all of an image that was repaired to a folder.</summary>
    public static async Task CopyAllAsync(string image, string folder)
    {
        ProgramOutput copied = await TryCopyAsync(image, folder, "::/loader", "::/EFI");
        if (copied.ExitCode != 0)
        {
            throw new InvalidOperationException($"the boot partition cannot be read: {copied}");
        }
    }

    private static async Task<BootPartitionVerdict> ReadAsync(string image)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bootc-esp");
        try
        {
            ProgramOutput copied = await TryCopyAsync(image, folder.FullName, "::/loader/entries");
            string entries = Path.Join(folder.FullName, "entries");
            if (copied.ExitCode != 0 || !Directory.Exists(entries))
            {
                return new(new Dictionary<string, string>(), new Dictionary<string, string>(), $"the menu cannot be read: {copied}");
            }

            SortedDictionary<string, string> menu = new(
                Directory.EnumerateFiles(entries, "*.conf").ToDictionary(file => Path.GetFileName(file), file => File.ReadAllText(file)), StringComparer.Ordinal);
            SortedDictionary<string, string> kernels = new(StringComparer.Ordinal);
            foreach (string path in menu.Values.SelectMany(KernelsOf).Concat(await NamedKernelsAsync(image)).Distinct())
            {
                string to = Path.Join(folder.FullName, "kernel");
                ProgramOutput kernel = await TryCopyAsync(image, to, $"::{path}");
                if (kernel.ExitCode != 0)
                {
                    return new(menu, kernels, $"{path} cannot be read: {kernel}");
                }

                await using FileStream content = File.OpenRead(to);
                kernels[path] = Convert.ToHexStringLower(await SHA256.HashDataAsync(content));
            }

            return new(menu, kernels, Problem: null);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Task<ProgramOutput> TryCopyAsync(string image, string to, params string[] from) => LabProgram.TryRunAsync(
        Cli.Wrap("mcopy").WithArguments(["-s", "-o", "-n", "-Q", "-i", image, .. from, to]).WithEnvironmentVariables(e => e.Set("MTOOLS_SKIP_CHECK", "1")));

    /// <summary>
    /// Upstream's program opens kernel and initrd of each directory with such a name, whether an entry boots by it or not, and no update of its goes
    /// through where one is missing.
    /// </summary>
    private static async Task<IEnumerable<string>> NamedKernelsAsync(string image)
    {
        ProgramOutput names = await LabProgram.TryRunAsync(
            Cli.Wrap("mdir").WithArguments(["-b", "-i", image, "::/EFI/Linux"]).WithEnvironmentVariables(e => e.Set("MTOOLS_SKIP_CHECK", "1")));
        return names.Output.Split('\n')
            .Select(line => line.Trim().TrimEnd('/'))
            .Where(path => path.Contains("/bootc_composefs-", StringComparison.Ordinal))
            .SelectMany(path => new[] { $"{path[2..]}/vmlinuz", $"{path[2..]}/initrd" });
    }

    private static IEnumerable<string> KernelsOf(string entry) =>
        Deployment().IsMatch(entry) ? [Field(entry, "linux"), Field(entry, "initrd")] : [];

    private static string Field(string entry, string key) =>
        entry.Split('\n').FirstOrDefault(line => line.StartsWith(key + " ", StringComparison.Ordinal))?[(key.Length + 1)..].Trim() ?? "";

    private static string TextOf(IReadOnlyDictionary<string, string> files) => string.Concat(files.Select(file => $"== {file.Key}\n{file.Value}\n"));

    [GeneratedRegex(@"^options .*composefs=\??([0-9a-f]+)", RegexOptions.Multiline)]
    private static partial Regex Deployment();
}
