using Bootc.Host;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public sealed class ProgressLineTests : IDisposable
{
    private readonly StringWriter _error = new();

    public void Dispose() => _error.Dispose();

    [Fact]
    public void Writes_one_plain_line_per_step_where_there_is_no_terminal()
    {
        using ProgressLine line = new(_error, isTerminal: false);

        line.Steps.Run("Making file systems", () => line.Steps.Run("Formatting the ESP", () => { }));

        _error.ToString().Should().Be("Making file systems\nFormatting the ESP\n");
    }

    [Fact]
    public async Task Redraws_one_line_on_a_terminal_and_leaves_it_empty()
    {
        using ProgressLine line = new(_error, isTerminal: true);

        await line.Steps.RunAsync("Importing", total: 4 << 20, meter =>
        {
            meter.Reach(2 << 20);
            return Task.FromResult(true);
        });

        _error.ToString().Should().NotContain("\n").And.EndWith("\r\e[K")
            .And.Contain("\r\e[KImporting [###############---------------]  50%");
    }

    [Theory]
    [InlineData(0, 10, "[------------------------------]   0%")]
    [InlineData(3, 10, "[#########---------------------]  30%")]
    [InlineData(11, 10, "[##############################] 100%")]
    [InlineData(0, 0, "[##############################] 100%")]
    public void Draws_the_share_that_is_done(long done, long total, string bar) => ProgressLine.Bar(done, total).Should().Be(bar);
}
