using Bootc.Host.Diagnosis;
using Bootc.Host.Operations;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public class DoctorTextTests
{
    private static readonly Finding Damaged = new(IsDamage: true, "the kernel is\u001b another", new Repair.RemoveUnusedKernels());
    private static readonly Finding LeftOver = new(IsDamage: false, "nothing boots by it", Repair: null);

    [Fact]
    public void A_look_says_each_finding_in_a_line_and_how_many_can_be_repaired()
    {
        DoctorText.Render([]).Should().Be("Nothing is wrong\n");
        DoctorText.Render([LeftOver]).Should().Be("left over: nothing boots by it\nFound 1; none can be repaired from here\n");
        DoctorText.Render([Damaged, LeftOver]).Should().Be(
            """
            damaged: the kernel is\x1b another
            left over: nothing boots by it
            Found 2; bootc doctor --fix repairs 1 of them at once, and what they hide

            """);
    }

    [Fact]
    public void A_repair_says_what_was_repaired_and_what_is_left()
    {
        DoctorText.Render(new DoctorReport([], [], [])).Should().Be("Nothing is wrong\n");
        DoctorText.Render(new DoctorReport([LeftOver], [], [])).Should().Be("repaired: nothing boots by it\nRepaired 1; nothing is wrong any more\n");
        DoctorText.Render(new DoctorReport([LeftOver], [Damaged], ["why"])).Should().Be(
            """
            repaired: nothing boots by it
            left: the kernel is\x1b another
            Repaired 1; 1 left

            """);
    }
}
