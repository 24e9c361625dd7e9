using System.IO.Pipes;
using System.Text;
using System.Text.Json;
using Bootc.Host;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public class ProgressProtocolTests
{
    [Fact]
    public async Task Sends_a_line_for_the_start_one_per_step_and_few_for_the_bytes_between()
    {
        using MemoryStream pipe = new();
        using ProgressProtocol protocol = new(pipe, TextWriter.Null, new StoppedClock());
        Steps steps = new(protocol.Show);

        await steps.RunAsync("Importing layer 1 of 1", total: 100 << 20, meter =>
        {
            for (int i = 1; i <= 100; i++)
            {
                meter.Reach(i << 20);
            }

            return Task.FromResult(true);
        });
        steps.Run("Applying the layers", () => { });

        JsonElement[] lines = Lines(pipe);
        lines.Select(line => line.GetProperty("type").GetString()).Should().Equal("Start", "ProgressBytes", "ProgressBytes", "ProgressSteps", "ProgressSteps");
        lines[0].GetProperty("version").GetString().Should().Be("0.1.0");
        lines[2].GetRawText().Should().Be(
            """{"type":"ProgressBytes","task":"pulling","description":"Importing the image","id":"pulling","bytesCached":0,"bytes":104857600,"bytesTotal":104857600,"""
            + "\"stepsCached\":0,\"steps\":1,\"stepsTotal\":1,\"subtasks\":[{\"subtask\":\"layer\",\"description\":\"Importing layer 1 of 1\",\"id\":\"Importing layer 1 of 1\","
            + "\"bytesCached\":0,\"bytes\":104857600,\"bytesTotal\":104857600}]}");
        lines[4].GetRawText().Should().Be(
            """{"type":"ProgressSteps","task":"installing","description":"Applying the layers","id":"installing","stepsCached":0,"steps":1,"stepsTotal":0,"subtasks":[]}""");
    }

    [Fact]
    public async Task The_total_is_known_from_the_beginning_and_what_is_there_already_is_no_part_of_it()
    {
        using MemoryStream pipe = new();
        using ProgressProtocol protocol = new(pipe, TextWriter.Null, new StoppedClock());
        Steps steps = new(protocol.Show);
        steps.Skip("Importing layer 1 of 3", 1000);
        steps.Expect("Importing layer 2 of 3", 300);
        steps.Expect("Importing layer 3 of 3", 70);

        foreach ((string what, int size) in new[] { ("Importing layer 2 of 3", 300), ("Importing layer 3 of 3", 70) })
        {
            await steps.RunAsync(what, size, meter =>
            {
                meter.Reach(size);
                return Task.FromResult(true);
            });
        }

        JsonElement[] lines = Lines(pipe)[1..];
        lines.Should().HaveCount(4, "each layer begins and ends").And.AllSatisfy(line => Numbers(line)[^4..].Should().Equal(370, 1000, 1, 2));
        lines.Select(line => Numbers(line)[..3]).Should().BeEquivalentTo(new long[][] { [1, 0, 0], [1, 300, 1], [2, 300, 1], [2, 370, 2] }, options => options.WithStrictOrdering());

        static long[] Numbers(JsonElement line) =>
        [
            line.GetProperty("subtasks").GetArrayLength(),
            .. new[] { "bytes", "steps", "bytesTotal", "bytesCached", "stepsCached", "stepsTotal" }.Select(name => line.GetProperty(name).GetInt64()),
        ];
    }

    [Fact]
    public void A_broken_pipe_ends_the_news_and_nothing_else()
    {
        using StringWriter error = new();
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        using (AnonymousPipeClientStream reader = new(PipeDirection.In, pipe.ClientSafePipeHandle))
        {
        }

        using ProgressProtocol protocol = new(pipe, error, TimeProvider.System);
        Steps steps = new(protocol.Show);

        steps.Run("One", () => 1).Should().Be(1);
        steps.Run("Two", () => 2).Should().Be(2);

        error.ToString().Should().StartWith("warning: nobody is told of the progress any more: ");
        error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().ContainSingle();
    }

    [Fact]
    public void Where_there_is_nothing_to_tell_of_no_line_is_sent()
    {
        using MemoryStream pipe = new();
        using (ProgressProtocol protocol = new(pipe, TextWriter.Null, new StoppedClock()))
        {
            new Steps(protocol.Show).Skip("Importing layer 1 of 1", 1000);
        }

        pipe.ToArray().Should().BeEmpty();
    }

    [Fact]
    public async Task A_descriptor_that_is_no_pipe_is_refused()
    {
        using StringWriter error = new();

        (await Program.RunAsync(["install", "to-disk", "/dev/null", "--progress-fd=1000000"], TextWriter.Null, error, CancellationToken.None)).Should().Be(1);

        error.ToString().Should().StartWith("error: --progress-fd 1000000 is not a pipe");
    }

    [Theory]
    [InlineData("2", "install", "to-disk", "/dev/null")]
    [InlineData("0", "install", "to-disk", "/dev/null")]
    [InlineData("-1", "install", "to-disk", "/dev/null")]
    [InlineData("1", "upgrade")]
    [InlineData("2", "switch", "quay.io/os/edge:7")]
    public async Task Standard_input_output_and_error_are_refused_on_the_command_line_already(string descriptor, params string[] command)
    {
        using StringWriter error = new();

        (await Program.RunAsync([.. command, $"--progress-fd={descriptor}"], TextWriter.Null, error, CancellationToken.None)).Should().Be(2);

        error.ToString().Should().StartWith($"error: --progress-fd {descriptor} is not a descriptor of its own");
    }

    private static JsonElement[] Lines(MemoryStream pipe) =>
        [.. Encoding.UTF8.GetString(pipe.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>No time passes, so that nothing between the ends of a step is old enough to be sent.</summary>
    private sealed class StoppedClock : TimeProvider
    {
        public override long GetTimestamp() => 1;
    }
}
