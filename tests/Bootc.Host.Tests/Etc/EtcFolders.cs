using System.Diagnostics;
using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Etc;
using Bootc.Linux;

namespace Bootc.Host.Tests.Etc;

/// <summary>Three directories of files, and what merging them gives.</summary>
internal sealed class EtcFolders : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-etc");

    public EtcFolders()
    {
        foreach (string name in (string[])["pristine", "current", "next"])
        {
            _folder.CreateSubdirectory(name);
        }
    }

    public string Path => _folder.FullName;

    public string this[string name] => System.IO.Path.Join(Path, name);

    /// <summary>Makes the merged directory from a copy of the next image's, as finalizing does; the conflicts where there are any.</summary>
    public IReadOnlyList<EtcConflict> Merge(string merged = "merged")
    {
        EtcMergePlan plan = EtcMergePlan.Decide(Scan("pristine"), Scan("current"), Scan("next"));
        if (plan.Conflicts.Count == 0)
        {
            Run("cp", "-a", this["next"], this[merged]);
            using Dir current = Dir.Open(this["current"]);
            using Dir target = Dir.Open(this[merged]);
            EtcMerge.Apply(plan, current, target, default);
        }

        return plan.Conflicts;
    }

    /// <summary>Runs a program in the folder, which has to succeed.</summary>
    public string Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = Path, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}: {output}");
    }

    public void Dispose() => Run("rm", "-rf", Path);

    private Inode.Directory Scan(string name)
    {
        using Dir dir = Dir.Open(this[name]);
        return DirectoryScanner.Scan(dir, VerityAlgorithm.Sha512).Root;
    }
}
