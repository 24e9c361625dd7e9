using System.CommandLine;

namespace Bootc.Commands.Internals;

/// <summary><c>bootc internals</c>: hidden commands for scripts and tests; their spelling is kept stable.</summary>
internal static class InternalsCommand
{
    public static Command Create() => new("internals", "Commands for scripts and tests")
    {
        Hidden = true,
        Subcommands =
        {
            new Command("composefs", "Read, write and check composefs images and repositories")
            {
                MakeImageCommand.Create(),
                DumpCommand.Create(),
                DigestCommand.Create(),
                FsckCommand.Create(),
                CollectGarbageCommand.Create(),
                MountCommand.Create(),
            },
            new Command("oci", "Read container images")
            {
                OciPullCommand.Create(),
            },
            ReportBootCommand.Create(),
            CheckHealthCommand.Create(),
            BlessBootCommand.Create(),
            FailBootCommand.Create(),
            PrepareSoftRebootCommand.Create(),
            MachineGarbageCommand.Create(),
            StatusOfFoldersCommand.Create(),
            SystemdGeneratorCommand.Create(),
            MachineGarbageCommand.CreateCleanup(),
            DoctorCommand.CreateFsck(),
            FsVerityCommand.Create(),
            RebootCommand.Create(),
        },
    };
}
