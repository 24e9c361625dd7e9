namespace Bootc.Host.Tests;

public sealed class StepsTests
{
    private readonly List<StepProgress> _news = [];
    private readonly Steps _steps;

    public StepsTests() => _steps = new(_news.Add);

    [Fact]
    public async Task A_failure_says_what_was_tried_and_keeps_its_cause()
    {
        Func<Task> import = () => _steps.RunAsync("Importing layer 3 of 7", () => throw new InvalidDataException("blob is short"));

        (await import.Should().ThrowAsync<BootcException>()).WithMessage("Importing layer 3 of 7")
            .WithInnerException<InvalidDataException>().WithMessage("blob is short");
        _news.Select(n => n.State).Should().Equal(StepState.Started, StepState.Failed);
    }

    [Fact]
    public void Mistakes_of_this_program_and_interruptions_are_left_as_they_are()
    {
        _steps.Invoking(s => s.Run("Step", () => throw new InvalidOperationException("bug"))).Should().ThrowExactly<InvalidOperationException>();
        _steps.Invoking(s => s.Run("Step", () => throw new OperationCanceledException())).Should().ThrowExactly<OperationCanceledException>();
    }

    [Fact]
    public async Task Reports_bytes_now_and_then()
    {
        int result = await _steps.RunAsync("Copying", total: 3 << 20, meter =>
        {
            for (int i = 1; i <= 3 << 10; i++)
            {
                meter.Reach(i << 10);
            }

            return Task.FromResult(5);
        });

        result.Should().Be(5);
        _news.Should().Equal(
            new StepProgress("Copying", StepState.Started, 0, 3 << 20),
            new StepProgress("Copying", StepState.Advanced, 1 << 20, 3 << 20),
            new StepProgress("Copying", StepState.Advanced, 2 << 20, 3 << 20),
            new StepProgress("Copying", StepState.Advanced, 3 << 20, 3 << 20),
            new StepProgress("Copying", StepState.Finished, 3 << 20, 3 << 20));
    }
}
