using Bootc.Composefs;
using Bootc.Composefs.Tree;
using Bootc.Host.Boot;
using Bootc.Host.Configuration;
using Bootc.Host.Etc;
using Bootc.Host.Images;
using Bootc.Linux;

namespace Bootc.Host.Operations;

/// <summary>What the decision to stage an image rests on.</summary>
/// <param name="Booted">The deployment that runs.</param>
/// <param name="BootedEntry">Its boot entry.</param>
/// <param name="BootedFiles">Its image.</param>
/// <param name="Etc">The machine's own <c>/etc</c>.</param>
/// <param name="Next">The new deployment.</param>
/// <param name="NextFiles">Its image.</param>
/// <param name="KernelDirectory">The directory on the boot file system in which its kernel is, or will be.</param>
/// <param name="Architecture">The machine's, as <c>kargs.d</c> names it.</param>
public sealed record UpdateFacts(
    BootImageArgument Booted,
    BootEntryFile BootedEntry,
    ImageFiles BootedFiles,
    Inode.Directory Etc,
    ObjectId Next,
    ImageFiles NextFiles,
    string KernelDirectory,
    string Architecture);

/// <summary>What staging an image will do to a machine, decided before anything of it is touched.</summary>
public static class UpdatePlan
{
    /// <summary>
    /// Decides on the boot entry of the new deployment; where the machine's own <c>/etc</c> does not fit into it, that is a
    /// <see cref="BootcException"/> that says what to do.
    /// </summary>
    public static BootEntryFile DecideEntry(UpdateFacts facts)
    {
        EtcMergePlan etc = EtcMergePlan.Decide(EtcOf(facts.BootedFiles), facts.Etc, EtcOf(facts.NextFiles));
        if (etc.Conflicts.Count > 0)
        {
            throw new BootcException(
                $"Merge conflicts found in etc, so nothing was staged; move out of the way what this machine changed and try again: {string.Join("; ", etc.Conflicts)}");
        }

        return EntryFor(facts);
    }

    /// <summary>The boot entry that a deployment gets beside the booted one's, whether or not its <c>/etc</c> fits.</summary>
    internal static BootEntryFile EntryFor(UpdateFacts facts)
    {
        BootEntry booted = facts.BootedEntry.With(attempts: null).Entry!;
        return BootEntryFile.For(
            OsRelease.Parse(facts.NextFiles.TryReadText("/usr/lib/os-release") ?? ""),
            facts.Next,
            facts.KernelDirectory,
            KernelArguments.ForUpdate(booted.Options, KargsOf(facts.BootedFiles), KargsOf(facts.NextFiles), facts.Booted with { Id = facts.Next }),
            booted.Other);

        KernelCommandLine KargsOf(ImageFiles files) => ImageKargs.Parse(ConfigFiles.Find(files, ImageKargs.Folder), facts.Architecture);
    }

    /// <summary>The <c>/etc</c> of an image; an empty directory where it has none.</summary>
    public static Inode.Directory EtcOf(ImageFiles files) => files.Tree.FindDirectory("/etc") ?? new Inode.Directory(new Metadata(0x1ED));
}
