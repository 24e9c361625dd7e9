namespace Bootc.Tests.Commands;

public sealed class EditCommandTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    /// <summary>Before it asks for a machine, so that a pipeline can try a document anywhere.</summary>
    [Theory]
    [InlineData("kind: BootcHost", "apiVersion is missing")]
    [InlineData("kind: {a: b}", "line 1: \"{a: b}\" is YAML that is not supported here; write blocks, and put a text with special characters in quotes")]
    public async Task A_document_that_is_none_is_named_with_what_is_wrong(string document, string error)
    {
        await File.WriteAllTextAsync(_file, document);

        (await RunAsync("edit", "--filename", _file)).Should().Be((1, $"error: {_file}: {error}\n"));
    }

    [Fact]
    public async Task A_file_that_is_missing_is_named() =>
        (await RunAsync("edit", "-f", $"{_file}.not")).Should().Be((1, $"error: open {_file}.not: No such file or directory\n"));

    private static async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = await Program.RunAsync(arguments, output, error, CancellationToken.None);
        return (code, error.ToString());
    }
}
