using System.Collections.Immutable;
using System.Text;
using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>
/// A file among the boot entries, whoever wrote it. Its bytes are kept, so that an entry of another system is carried over as it is.
/// </summary>
public sealed class BootEntryFile
{
    private const string SortKeyPrefix = "bootc-";

    /// <param name="name">The file's name.</param>
    /// <param name="content">All its bytes.</param>
    public BootEntryFile(string name, ReadOnlyMemory<byte> content)
    {
        Name = name;
        Content = content;
        if (!BootAttempts.TrySplit(name, out _, out BootAttempts? attempts))
        {
            return;
        }

        Attempts = attempts;
        try
        {
            Entry = BootEntry.Parse(Encoding.UTF8.GetString(content.Span));
            Deployment = BootImageArgument.Find(Entry.Options)?.Id;
            Damage = Deployment is null && IsOursByName ? "it names no deployment" : null;
        }
        catch (FormatException e)
        {
            Damage = IsOursByName ? e.Message : null;
        }
    }

    /// <summary>The file's name, with a boot counter if it has one.</summary>
    public string Name { get; }

    public ReadOnlyMemory<byte> Content { get; }

    /// <summary>What it says; null where it is no type 1 entry that can be understood.</summary>
    public BootEntry? Entry { get; }

    /// <summary>The deployment that it boots; null for the entries of other systems.</summary>
    public ObjectId? Deployment { get; }

    /// <summary>The boot counter in the name.</summary>
    public BootAttempts? Attempts { get; }

    /// <summary>Whether it has a counter, or what goes with one: a tool of others may take away the counter alone.</summary>
    public bool IsOnTrial => Attempts is not null || (Entry is { } entry && TrialArguments.AreIn(entry));

    /// <summary>What is wrong with a file whose name says that bootc made it; null where nothing is.</summary>
    public string? Damage { get; }

    private bool IsOursByName => Name.StartsWith(BootEntryName.Prefix, StringComparison.Ordinal);

    /// <summary>The entry of a deployment that is to boot; <see cref="At"/> makes it one to fall back to.</summary>
    /// <param name="os">The os-release of its image.</param>
    /// <param name="deployment">The deployment.</param>
    /// <param name="kernelDirectory">The name of the directory that its kernel is in.</param>
    /// <param name="options">Its kernel arguments.</param>
    /// <param name="other">Further lines.</param>
    public static BootEntryFile For(
        OsRelease os, ObjectId deployment, string kernelDirectory, KernelCommandLine options, ImmutableArray<(string Key, string Value)> other)
    {
        string id = deployment.ToString();
        string directory = $"/{BootLayout.Kernels}/{kernelDirectory}";
        return Of(BootEntryName.For(os, id, priority: 1), new(
            os.Title ?? id,
            os.Version ?? id,
            $"{directory}/{BootLayout.Vmlinuz}",
            [$"{directory}/{BootLayout.Initrd}"],
            options,
            $"{SortKeyPrefix}{os.Id ?? "bootc"}-0",
            other));
    }

    /// <summary>A new file of that name.</summary>
    public static BootEntryFile Of(BootEntryName name, BootEntry entry) => new(name.ToString(), Encoding.UTF8.GetBytes(entry.ToString()));

    /// <summary>
    /// The same entry at another place of the menu: 1 is what boots, 0 what to fall back to. GRUB orders by the name, systemd-boot by the
    /// sort key in it, and both compare the operating system before the priority; so all entries of a menu name the same one.
    /// </summary>
    /// <param name="priority">1 or 0.</param>
    /// <param name="osId">The operating system for the name, as in <see cref="BootEntryName"/>.</param>
    /// <param name="sortId">The operating system for the sort key: the ID of os-release.</param>
    public BootEntryFile At(int priority, string osId, string sortId)
    {
        BootEntry entry = Entry ?? throw new InvalidOperationException($"{Name} is no entry of ours");
        BootEntryName name = BootEntryName.TryParse(Name, out BootEntryName? known)
            ? known with { OsId = osId, Priority = priority }
            : BootEntryName.For(new OsRelease(osId, entry.Version, null, null, null), entry.Version, priority) with { Attempts = Attempts };
        return Of(name, entry with { SortKey = $"{SortKeyPrefix}{sortId}-{1 - priority}" });
    }

    /// <summary>
    /// The same entry with another boot counter in its name, and with <see cref="TrialArguments"/> in it; null for one with neither.
    /// </summary>
    public BootEntryFile With(BootAttempts? attempts)
    {
        if (Entry is not { } entry || !BootAttempts.TrySplit(Name, out string? stem, out _))
        {
            throw new InvalidOperationException($"{Name} is no entry of ours");
        }

        BootEntry changed = attempts is null ? TrialArguments.RemoveFrom(entry) : TrialArguments.AddTo(entry);
        return new($"{stem}{attempts}{BootAttempts.Suffix}", ReferenceEquals(changed, entry) ? Content : Encoding.UTF8.GetBytes(changed.ToString()));
    }

    /// <summary>The operating system that the sort key names; <c>bootc</c> where it names none.</summary>
    public string SortId =>
        Entry?.SortKey is { } key && key.StartsWith(SortKeyPrefix, StringComparison.Ordinal) && key.LastIndexOf('-') is var dash && dash >= SortKeyPrefix.Length
            ? key[SortKeyPrefix.Length..dash]
            : "bootc";

    /// <summary>Whether its sort key makes it the one that boots, not one to fall back to.</summary>
    public bool IsToBoot => Entry?.SortKey is { } key && key.StartsWith(SortKeyPrefix, StringComparison.Ordinal) && key.EndsWith("-0", StringComparison.Ordinal);

    /// <summary>The operating system in the name; <c>bootc</c> where the name has another form.</summary>
    public string OsId => BootEntryName.TryParse(Name, out BootEntryName? name) ? name.OsId : "bootc";
}
