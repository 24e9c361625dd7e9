using System.Collections.Immutable;
using Bootc.Composefs;
using Bootc.Host.Boot;
using Bootc.Linux;

namespace Bootc.Host.Tests.Boot;

public class OptionsSourceTests
{
    private static readonly ObjectId Id = ObjectId.Parse(new string('a', 128));

    [Theory]
    // What the entry has and who has recorded what; what the source is to have; what comes of it.
    [InlineData("root=1 rw", "", "isolcpus=1", "root=1 rw isolcpus=1", "tuned: isolcpus=1")]
    [InlineData("root=1 isolcpus=1", "tuned: isolcpus=1", "nohz=2 isolcpus=3", "root=1 nohz=2 isolcpus=3", "tuned: nohz=2 isolcpus=3")]
    [InlineData("root=1 isolcpus=1 rw", "tuned: isolcpus=1", "", "root=1 rw", "")]
    [InlineData("root=1", "", "", "root=1", "")]
    // The same argument of somebody else stays, before and after.
    [InlineData("quiet root=1", "", "quiet", "quiet root=1 quiet", "tuned: quiet")]
    [InlineData("quiet root=1 quiet", "tuned: quiet", "", "quiet root=1", "")]
    [InlineData("a=1 a=1", "other: a=1|tuned: a=1", "b=1", "a=1 b=1", "other: a=1|tuned: b=1")]
    // What was removed by hand is no error, and comes back when it is asked for again.
    [InlineData("root=1", "tuned: gone=1", "", "root=1", "")]
    [InlineData("root=1", "tuned: gone=1", "gone=1", "root=1 gone=1", "tuned: gone=1")]
    // Names that begin alike, values with spaces, a line that is there twice.
    [InlineData("a=1 b=1", "tuned-2: a=1|tuned: b=1", "", "a=1", "tuned-2: a=1")]
    [InlineData("root=1", "", "dyndbg=\"file a +p\" x", "root=1 dyndbg=\"file a +p\" x", "tuned: dyndbg=\"file a +p\" x")]
    [InlineData("root=1 a=1 b=1", "tuned: a=1|tuned: b=1", "c=1", "root=1 c=1", "tuned: c=1")]
    public void Changes_its_own_arguments_and_nobody_elses(string options, string records, string arguments, string expected, string expectedRecords)
    {
        BootEntry changed = Source("tuned").Set(Entry($"{options} composefs={Id}", records), KernelCommandLine.Parse(arguments));

        changed.Options.ToString().Should().Be($"{expected} composefs={Id}");
        BootEntry.Parse(changed.ToString()).Other.Should().Equal(Entry("", expectedRecords).Other);
    }

    [Theory]
    [InlineData("a=1 root=1 b=1", "tuned: a=1|other: b=1", "a=1")]
    [InlineData("root=1 quiet", "other: quiet", "")]
    public void Says_that_nothing_changes_by_giving_the_same_entry(string options, string records, string arguments)
    {
        BootEntry entry = Entry($"{options} composefs.digest=v1-sha512-12:{Id}", records);

        Source("tuned").Set(entry, KernelCommandLine.Parse(arguments)).Should().BeSameAs(entry);
    }

    [Fact]
    public void Refuses_a_command_line_that_the_kernel_would_cut_off() =>
        Source("tuned").Invoking(source => source.Set(Entry($"root=1 composefs={Id}", ""), KernelCommandLine.Parse(new string('x', 2000))))
            .Should().Throw<BootcException>().WithMessage("the kernel command line has * bytes*");

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a.b")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("a\n")]
    public void Has_a_name_that_can_be_part_of_a_key(string name) => OptionsSource.TryParse(name, out _).Should().BeFalse();

    private static OptionsSource Source(string name)
    {
        OptionsSource.TryParse(name, out OptionsSource? source).Should().BeTrue();
        return source!;
    }

    private static BootEntry Entry(string options, string records)
    {
        ImmutableArray<(string, string)> other =
            [.. records.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(record => record.Split(": ")).Select(pair => ($"x-options-source-{pair[0]}", pair[1]))];
        return new("Lab", "1", "/linux", ["/initrd"], KernelCommandLine.Parse(options), "bootc-lab-0", [("architecture", "x64"), .. other]);
    }
}
