using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>Systemd reads the units as they are in images/debian, and the drop-ins of the documentation; nothing is booted.</summary>
public sealed partial class UnitTests
{
    // But for the one that belongs into the initrd, whose /sysroot comes from elsewhere.
    private const string Verify = "systemd-analyze verify --man=no --recursive-errors=yes $(cd /usr/lib/systemd/system && ls -d bootc-* | grep -v ^bootc-root-setup)";

    // "--test" works out a whole transaction and prints every unit with all that it implies; it wants neither root nor to be process 1.
    private const string Dump =
        """
        chmod 1777 /run
        printf '[Unit]\nWants=%s\n' "$(cd /usr/lib/systemd/system && echo bootc-*)" > /usr/lib/systemd/system/all.target
        setpriv --reuid=65534 --regid=65534 --clear-groups /usr/lib/systemd/systemd --test --system --unit=all.target | cat
        """;

    private static readonly Lazy<Task<string>> Dumped = new(() => RunAsync(Dump));

    [Fact]
    public async Task Systemd_has_nothing_to_say_against_any_of_them() => (await RunAsync(Verify)).Should().BeEmpty();

    [Fact]
    public async Task Systemd_takes_the_drop_ins_of_the_documentation()
    {
        MatchCollection examples = Example().Matches(await File.ReadAllTextAsync(Checkout.PathOf("docs", "automatic-updates.md")));
        examples.Should().HaveCount(3);

        string write = string.Concat(examples.Select(example =>
            $"mkdir -p {Path.GetDirectoryName(example.Groups["file"].Value)}; cat > {example.Groups["file"].Value} <<'END'\n{example.Groups["text"].Value}\nEND\n"));

        (await RunAsync($"{write}\n{Verify}")).Should().BeEmpty();
        string timer = SectionOf(await RunAsync($"{write}\n{Dump}"), "bootc-fetch-apply-updates.timer");
        timer.Should().Contain("OnCalendar: Sat,Sun *-*-* 02:00:00").And.NotContain("OnBootSec").And.NotContain("OnUnitInactiveSec");
    }

    [Theory]
    [InlineData("bootc-fetch-apply-updates.service", "Requires: boot-complete.target")]
    [InlineData("bootc-fetch-apply-updates.service", "After: boot-complete.target")]
    [InlineData("bootc-fetch-apply-updates.service", "After: network-online.target")]
    [InlineData("bootc-fetch-apply-updates.timer", "Triggers: bootc-fetch-apply-updates.service")]
    [InlineData("bootc-health-check.service", "Before: boot-complete.target")]
    [InlineData("bootc-health-check.service", "After: multi-user.target")]
    [InlineData("bootc-health-check.service", "RequiredBy: boot-complete.target")]
    [InlineData("bootc-bless-boot.service", "Requires: boot-complete.target")]
    [InlineData("bootc-bless-boot.service", "After: boot-complete.target")]
    [InlineData("bootc-bless-boot.service", "After: multi-user.target")]
    [InlineData("bootc-bless-boot.service", "OnFailure: bootc-boot-failed.service")]
    [InlineData("bootc-boot-failed.service", "OnFailure: bootc-reboot-counted.service")]
    [InlineData("bootc-reboot-counted.service", "WantedBy: emergency.target")]
    [InlineData("bootc-reboot-counted.service", "ConditionPathExists: !/run/bootc/blessed")]
    [InlineData("bootc-status-updated.path", "Triggers: bootc-status-updated.target")]
    // What comes after another unit is stopped before it: services that may write to /etc, then this, then what it writes to.
    [InlineData("bootc-finalize-staged.service", "Before: basic.target")]
    [InlineData("bootc-finalize-staged.service", "After: local-fs.target")]
    [InlineData("bootc-finalize-staged.service", "RequiresMountsFor: /sysroot")]
    [InlineData("bootc-finalize-staged.service", "Conflicts: final.target")]
    public async Task Systemd_knows_of_the_relation(string unit, string relation) => SectionOf(await Dumped.Value, unit).Should().Contain($"\t{relation}");

    private static string SectionOf(string dump, string unit)
    {
        string[] sections = Regex.Split(dump, @"^\s*→ Unit ", RegexOptions.Multiline);
        return sections.Should().ContainSingle(section => section.StartsWith($"{unit}:", StringComparison.Ordinal)).Which;
    }

    private static async Task<string> RunAsync(string script)
    {
        Podman podman = await Podman.Instance;
        ProgramOutput result = await podman.TryRunAsync(["run", "--rm", "--network=none", await LabImages.Debian, "sh", "-ec", script]);
        result.ExitCode.Should().Be(0, result.ToString());
        return result.Output + result.Error;
    }

    [GeneratedRegex(@"^`(?<file>/etc/systemd/system/\S+\.conf)`\n\n```\n(?<text>.*?)\n```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Example();
}
