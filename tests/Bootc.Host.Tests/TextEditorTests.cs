using System.Text;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests;

public sealed class TextEditorTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("EDITOR");

    public void Dispose() => Environment.SetEnvironmentVariable("EDITOR", _before);

    [Theory]
    [InlineData("sed -i s/7/8/", "edge:8\n")]
    [InlineData("  true ", "edge:7\n")]
    public async Task Gives_what_the_editor_left(string editor, string edited)
    {
        Environment.SetEnvironmentVariable("EDITOR", editor);

        Encoding.UTF8.GetString(await Editor().EditAsync("host.yaml", "edge:7\n", default)).Should().Be(edited);

        Directory.EnumerateDirectories(Path.GetTempPath(), "bootc-edit-*").Should().BeEmpty();
    }

    [Theory]
    [InlineData("false", "false: exit code 1")]
    [InlineData("/no/such/editor", "/no/such/editor could not be started")]
    public async Task Says_that_the_editor_failed(string editor, string message)
    {
        Environment.SetEnvironmentVariable("EDITOR", editor);

        (await Editor().Awaiting(e => e.EditAsync("host.yaml", "a", default)).Should().ThrowAsync<BootcException>()).WithMessage(message);
    }

    private static TextEditor Editor() => new(new Programs(NullLogger<Programs>.Instance));
}
