using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Diagnosis;
using Bootc.Linux;
using Damage = Bootc.Composefs.Store.Finding;

namespace Bootc.Host.Operations;

/// <summary>What <c>bootc doctor --fix</c> did.</summary>
/// <param name="Healed">What was wrong and is not any more.</param>
/// <param name="Left">What is wrong still.</param>
/// <param name="Failures">Why repairs could not be made, a line each.</param>
public sealed record DoctorReport(ImmutableArray<Finding> Healed, ImmutableArray<Finding> Left, ImmutableArray<string> Failures);

/// <summary>
/// Looks at everything that bootc keeps on a machine, says what is wrong, and repairs what can be. What a look finds is decided before
/// anything is changed; after the changes it looks again, for what was damaged may have hidden other damage.
/// </summary>
/// <param name="machine">The machine; opened for writing where something is to be repaired.</param>
/// <param name="programs">Runs podman, and credential helpers of registries.</param>
/// <param name="steps">Runs what is done.</param>
public sealed class Doctor(Machine machine, Programs programs, Steps steps)
{
    /// <summary>The longest chain that is known: repository, image, origin, kernel, entry, garbage.</summary>
    private const int MaxRounds = 8;

    /// <summary>What failed for want of room may succeed when something else was removed.</summary>
    private const int MaxTries = 2;

    private readonly Dictionary<Repair, int> _tries = [];
    private readonly HashSet<string> _wholeBoundImages = [];
    private IReadOnlyList<Damage>? _content;
    private ObjectId? _lost;

    /// <summary>Looks at the machine that this runs on, and changes nothing.</summary>
    /// <exception cref="BootcException">It was not deployed by bootc, or this is not root.</exception>
    public static async Task<ImmutableArray<Finding>> ExamineAsync(Programs programs, Steps steps, CancellationToken cancellationToken)
    {
        using Machine machine = Privileges.IsRoot
            ? await Machine.OpenForReadingAsync(programs, cancellationToken)
                ?? throw new BootcException("this command requires a booted host system that was deployed by bootc, and this one was not")
            : throw new BootcException("this command needs root; try it with sudo");
        return await new Doctor(machine, programs, steps).ExamineAsync(cancellationToken);
    }

    /// <summary>Looks, and changes nothing. All content of the repository and of bound images is read.</summary>
    public Task<ImmutableArray<Finding>> ExamineAsync(CancellationToken cancellationToken) => steps.RunAsync("Looking at this machine", async () =>
    {
        FindingList findings = new();
        MachineFacts facts = MachineFacts.Read(machine, findings, _lost, cancellationToken);
        _lost = facts.WithoutEntry;
        RepositoryCheck images = new(facts, findings, cancellationToken);
        images.Run(_content);
        _content = images.Content;
        new StateCheck(facts, images, findings).Run();
        BootCheck boot = new(facts, images, findings);
        boot.Run();
        await new BoundImageCheck(facts, images, findings, programs).RunAsync(_wholeBoundImages, cancellationToken);
        new GarbageCheck(facts, images, findings).Run(boot.IsUnderstood);
        return findings.ToImmutable();
    });

    /// <summary>Repairs what can be, until nothing is left or nothing more can be done.</summary>
    public async Task<DoctorReport> HealAsync(CancellationToken cancellationToken)
    {
        Healing healing = new(machine, programs, steps);
        List<string> failures = [];
        Dictionary<string, Finding> found = [];
        ImmutableArray<Finding> now = await ExamineAsync(cancellationToken);
        for (int round = 0; round < MaxRounds; round++)
        {
            foreach (Finding finding in now)
            {
                found.TryAdd(finding.Sentence, finding);
            }

            ImmutableArray<Repair> plan = Plan(now, _tries);
            if (plan.IsEmpty)
            {
                break;
            }

            await RunAsync(healing, plan, failures, cancellationToken);
            now = await ExamineAsync(cancellationToken);
        }

        HashSet<string> left = [.. now.Select(finding => finding.Sentence)];
        return new([.. found.Values.Where(finding => !left.Contains(finding.Sentence))], now, [.. failures.Distinct()]);
    }

    /// <summary>What to do about findings, each repair once and in the order in which they rest on each other.</summary>
    internal static ImmutableArray<Repair> Plan(ImmutableArray<Finding> findings, IReadOnlyDictionary<Repair, int> tries) =>
    [
        .. findings.Select(finding => finding.Repair).OfType<Repair>().Distinct().Where(repair => tries.GetValueOrDefault(repair) < MaxTries).OrderBy(repair => repair.Order),
    ];

    private async Task RunAsync(Healing healing, ImmutableArray<Repair> plan, List<string> failures, CancellationToken cancellationToken)
    {
        IReadOnlyList<Damage> damage = _content ?? [];
        bool isOnDisk = true;
        foreach (Repair repair in plan)
        {
            if (repair is Repair.WriteEntries)
            {
                // What they boot comes before them.
                Sync();
            }

            isOnDisk = repair is Repair.WriteEntries;
            _tries[repair] = _tries.GetValueOrDefault(repair) + 1;
            if (repair.ChangesRepository)
            {
                _content = null;
            }

            try
            {
                await steps.RunAsync(repair.Step, () => healing.RunAsync(repair, damage, cancellationToken));
            }
            catch (BootcException e)
            {
                failures.Add(Failure.Describe(e));
            }
        }

        // What is reported as repaired stays so.
        Sync();

        void Sync()
        {
            if (!isOnDisk)
            {
                machine.Sysroot.SyncFilesystem();
                isOnDisk = true;
            }
        }
    }
}
