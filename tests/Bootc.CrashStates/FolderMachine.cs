using System.Text;
using Bootc.Composefs;
using Bootc.Host;
using Bootc.Host.Boot;
using Bootc.Host.Operations;
using Bootc.Linux;
using Bootc.Oci;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.CrashStates;

/// <summary>The machine that would boot from a disk that is folders here, and what it does next.</summary>
public sealed class FolderMachine : IDisposable
{
    private static readonly Programs Programs = new(NullLogger<Programs>.Instance);

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-machine");
    private readonly Machine _machine;

    static FolderMachine()
    {
        // No unit is to be started here.
        DirectoryInfo programs = Directory.CreateTempSubdirectory("bootc-programs");
        using (Dir folder = Dir.Open(programs.FullName))
        {
            folder.WriteAtomically("systemctl", "#!/bin/sh\n", mode: 0x1ED);
        }

        Environment.SetEnvironmentVariable("PATH", $"{programs.FullName}:{Environment.GetEnvironmentVariable("PATH")}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => programs.Delete(recursive: true);
    }

    /// <param name="sysroot">The physical root.</param>
    /// <param name="esp">The boot partition.</param>
    /// <param name="booted">The deployment that runs.</param>
    public FolderMachine(string sysroot, string esp, string booted)
    {
        foreach (string folder in (string[])["run", "proc/sys/kernel/random", "usr/lib"])
        {
            _root.CreateSubdirectory(folder);
        }

        File.WriteAllText(Path.Join(_root.FullName, "proc/sys/kernel/random/boot_id"), "33333333-3333-3333-3333-333333333333\n");
        File.WriteAllText(Path.Join(_root.FullName, "proc/cmdline"), $"composefs=?{booted}\n");
        _machine = new(Dir.Open(_root.FullName), Dir.Open(sysroot), new(Parse(booted), VerityOptional: true), Dir.Open(esp));
    }

    /// <summary>What of its status is not as the menu has it; null where all is.</summary>
    /// <param name="deployments">The deployments of the menu; the first is the one that runs.</param>
    public string? FindStatusProblem(IReadOnlyList<string> deployments)
    {
        HostStatus status = HostStatus.From(_machine);
        string seen = string.Join(", ", new[] { status.Booted, status.Rollback }.OfType<Host.Deployments.DeploymentStatus>().Select(one => $"{one.Id}: {one.Damage}"));
        string wanted = string.Join(", ", deployments.Select(id => $"{id}: "));
        return seen != wanted ? $"the status shows {seen} in place of {wanted}"
            : status.Staged is not null || status.RollbackQueued || !status.Others.IsEmpty ? "the status shows something staged, queued or further"
            : status.Problems.IsEmpty ? null
            : $"the status tells of {string.Join("; ", status.Problems)}";
    }

    /// <summary>Stages an image and finishes that as a shutdown does.</summary>
    /// <param name="layout">The OCI layout that it is in.</param>
    public async Task UpdateAsync(string layout)
    {
        await new Update(_machine, Programs, Steps.Silent).SwitchAsync(new(ImageReference.Parse($"oci:{layout}")), CancellationToken.None);
        new Finalization(_machine, Steps.Silent).Run(CancellationToken.None);
    }

    public void RollBack() => new Rollback(_machine, Steps.Silent).Run();

    /// <summary>Repairs it as <c>bootc doctor --fix</c> does; what is not sound then is an error.</summary>
    public async Task HealAsync()
    {
        Doctor doctor = new(_machine, Programs, Steps.Silent);
        await doctor.HealAsync(CancellationToken.None);
        if (await doctor.ExamineAsync(CancellationToken.None) is { IsEmpty: false } left)
        {
            throw new InvalidOperationException($"a repair left {string.Join("; ", left)}");
        }
    }

    /// <summary>Removes a deployment, or what is left of it.</summary>
    public void Delete(string id)
    {
        ObjectId deployment = Parse(id);
        if (_machine.Entries.Read().Find(deployment) is not null || _machine.Deployments.Ids().Contains(deployment))
        {
            new DeleteDeployment(_machine, Steps.Silent).Run(deployment, CancellationToken.None);
        }
        else
        {
            CollectGarbage();
        }
    }

    public void CollectGarbage() => new MachineGarbage(_machine).Collect(CancellationToken.None);

    /// <summary>Whether nothing is there that is not needed.</summary>
    public bool IsClean => new MachineGarbage(_machine).Rehearse(CancellationToken.None).IsEmpty;

    /// <summary>The deployments of the live menu in order, and the text of all entries that are not ours.</summary>
    public (string[] Deployments, string Others) ReadMenu()
    {
        BootMenu menu = _machine.Entries.Read();
        return (
            [.. menu.Ours.Select(file => file.Deployment!.ToString())],
            string.Concat(menu.Files.Except(menu.Ours).Select(file => Encoding.UTF8.GetString(file.Content.Span))));
    }

    public void Dispose()
    {
        _machine.Dispose();
        _root.Delete(recursive: true);
    }

    private static ObjectId Parse(string id) => ObjectId.TryParse(id, out ObjectId? parsed) ? parsed : throw new FormatException(id);
}
