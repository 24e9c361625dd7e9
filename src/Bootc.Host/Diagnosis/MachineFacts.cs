using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Host.Deployments;
using Bootc.Host.Operations;

namespace Bootc.Host.Diagnosis;

/// <summary>
/// What a machine says of its own deployments, read once for all that looks at them. What cannot be read is a finding and counts as
/// absent.
/// </summary>
internal sealed class MachineFacts
{
    private readonly Dictionary<ObjectId, Origin> _origins = [];
    private Aleph? _aleph;

    private MachineFacts(Machine machine, FindingList findings, ObjectId? lost, CancellationToken cancellationToken)
    {
        Machine = machine;
        if (machine.Esp is null)
        {
            findings.Damage($"the boot partition cannot be looked at: {machine.EspProblem}");
        }
        else
        {
            findings.Try("the directory of the boot entries", () => Live = machine.Entries.Read());
            findings.Try("the directory of the staged boot entries", () => Waiting = machine.Entries.ReadStaged());
        }

        Staged = machine.Staged;
        if (machine.StagedDamage is { } damage)
        {
            findings.Damage(damage, new Repair.ForgetStaged());
        }

        findings.Try("the directory of the deployments", () => Present = machine.Deployments.Ids());
        Record = machine.Records.Staged;
        foreach (ObjectId id in Present)
        {
            findings.Try($"the origin of deployment {id}", () => ReadOrigin(id));
        }

        findings.Try(Aleph.FileName, () => _aleph = machine.Sysroot.TryReadText(Aleph.FileName) is { } json ? Aleph.TryParse(json) : null);
        WithoutEntry = Live is null ? null : new LostEntry(machine, cancellationToken).Find(Live, Staged, Present, lost);
        Needed =
        [
            .. new[] { machine.Booted.Id, Staged?.Id, WithoutEntry }
                .Concat((Live ?? BootMenu.Empty).Ours.Select(entry => entry.Deployment))
                .OfType<ObjectId>().Distinct(),
        ];
    }

    public Machine Machine { get; }

    /// <summary>The entries that boot; null where they cannot be read.</summary>
    public BootMenu? Live { get; private set; }

    /// <summary>The entries that wait; null where there are none.</summary>
    public BootMenu? Waiting { get; private set; }

    public StagedDeployment? Staged { get; }

    /// <summary>What the disk says of what is staged.</summary>
    public StagedRecord? Record { get; }

    /// <summary>The deployments that have a state directory.</summary>
    public ImmutableArray<ObjectId> Present { get; private set; } = [];

    /// <summary>A deployment that ran and has lost its boot entry; null for none.</summary>
    public ObjectId? WithoutEntry { get; }

    /// <summary>The deployments that boot or may, the booted one first.</summary>
    public ImmutableArray<ObjectId> Needed { get; }

    /// <summary>Reads them.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="findings">Takes what cannot be read.</param>
    /// <param name="lost">What was found before to have lost its boot entry; null for nothing.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    public static MachineFacts Read(Machine machine, FindingList findings, ObjectId? lost, CancellationToken cancellationToken) =>
        new(machine, findings, lost, cancellationToken);

    /// <summary>The origin of a deployment; null where there is none.</summary>
    public Origin? OriginOf(ObjectId id) => _origins.GetValueOrDefault(id);

    /// <summary>A deployment as a person calls it.</summary>
    public string NameOf(ObjectId id) =>
        id.Equals(Machine.Booted.Id) ? "the booted deployment"
        : id.Equals(Staged?.Id) ? "the staged deployment"
        : $"deployment {id.Abbreviated}";

    /// <summary>
    /// The update source of a deployment: what its origin says, else what is remembered of it, else what the others follow. Null where
    /// nothing tells.
    /// </summary>
    /// <param name="id">The deployment.</param>
    /// <param name="manifest">The digest of its manifest.</param>
    public string? SourceOf(ObjectId id, string? manifest)
    {
        string hex = id.ToString();
        return OriginOf(id)?.ImageReference
            ?? (Record?.Deployment == hex ? Record.Image : null)
            ?? (Machine.Records.Finalization is { } finalized && finalized.Deployment == hex ? finalized.Image : null)
            ?? (_aleph is not null && _aleph.Digest == manifest ? _aleph.UpdateSource : null)
            ?? OriginOf(Machine.Booted.Id)?.ImageReference
            ?? _origins.Values.Select(origin => origin.ImageReference).FirstOrDefault(source => source is not null)
            ?? _aleph?.UpdateSource;
    }

    /// <summary>Whether anything here remembers that a signature policy has to vouch for images: an origin that is lost may have said so.</summary>
    public bool IsPolicyEnforced =>
        _origins.Values.Any(origin => origin.IsPolicyEnforced) || Record is { IsPolicyEnforced: true } || Machine.Records.Finalization is { IsPolicyEnforced: true };

    private void ReadOrigin(ObjectId id)
    {
        if (Machine.Sysroot.TryReadText($"{StateLayout.Deployment(id)}/{StateLayout.OriginName(id)}") is { } text)
        {
            _origins[id] = Origin.Parse(text);
        }
    }
}
