using System.Text.Json;

namespace Bootc.Testing;

/// <summary>
/// <c>splitstream.py</c>: a decoder of splitstreams in another language, written from the text of the format. Shares no code with
/// the product, and checks every field for the only value that a writer may give it.
/// </summary>
public static class SplitStreamJudge
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private static string Script => Checkout.PathOf("tests", "Bootc.Testing", "splitstream.py");

    /// <summary>What one splitstream says, without the content of its objects.</summary>
    public static async Task<JudgedStream> ShowAsync(string file)
    {
        await HostPackages.EnsureAsync();
        return JsonSerializer.Deserialize<JudgedStream>(await LabProgram.RunAsync("/usr/bin/python3", [Script, "show", file]), Json)!;
    }

    /// <summary>
    /// Puts all named streams of a repository together again. One line each, <c>NAME TYPE SIZE SHA256</c>, if all are of a known kind
    /// and have the digest in their name; otherwise exit code 1 and the reason.
    /// </summary>
    public static async Task<ProgramOutput> CheckAsync(string repository)
    {
        await HostPackages.EnsureAsync();
        return await LabProgram.TryRunAsync("/usr/bin/python3", [Script, "check", repository]);
    }
}

/// <summary>A splitstream as the judge reads it; digests are hex, names are <c>NAME=DIGEST</c>.</summary>
public sealed record JudgedStream(
    string ContentType, long Size, string[] StreamReferences, string[] ObjectReferences, string[] Names, JudgedChunk[] Chunks);

/// <summary>Inline bytes in hex, or the digest of an object.</summary>
public sealed record JudgedChunk(string? Inline, string? Digest)
{
    /// <summary>The inline bytes; empty for an object.</summary>
    public byte[] Bytes => Inline is null ? [] : Convert.FromHexString(Inline);
}
