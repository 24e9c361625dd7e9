using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.SystemTests;

/// <summary>
/// What <c>bootc status</c> shows people at the stops of a walk, whole, against tests/Bootc.SystemTests/goldens/. What differs from one walk to the next
/// has fixed words there. To have one written anew, delete it and run the walk.
/// </summary>
/// <param name="walk">The folder of the walk's goldens.</param>
/// <param name="registry">Host and port of the registry that the machine follows.</param>
public sealed partial class StatusGoldens(string walk, string registry)
{
    private readonly string _folder = Checkout.PathOf("tests", "Bootc.SystemTests", "goldens", walk);
    private readonly List<string> _differences = [];

    /// <summary>
    /// Compares what is shown at a stop. What differs waits for <see cref="ShouldHaveNoDifference"/>: a walk takes long, so one is to show all there is.
    /// </summary>
    public async Task CompareAsync(string stop, string shown)
    {
        string text = Mask(shown, registry);
        string golden = Path.Join(_folder, $"{stop}.txt");
        if (!File.Exists(golden))
        {
            Directory.CreateDirectory(_folder);
            await File.WriteAllTextAsync(golden, text);
            _differences.Add($"{golden} was missing; it is written now, look at it and commit it:\n{text}");
        }
        else if (await File.ReadAllTextAsync(golden) is { } agreed && agreed != text)
        {
            _differences.Add($"{golden} has\n{agreed}\nand the machine shows\n{text}");
        }
    }

    /// <summary>Fails with all texts that differed, whole.</summary>
    public void ShouldHaveNoDifference()
    {
        if (_differences.Count > 0)
        {
            Assert.Fail(string.Join('\n', _differences));
        }
    }

    /// <summary>The same digest or id has the same number wherever it stands in a text.</summary>
    internal static string Mask(string shown, string registry)
    {
        Dictionary<string, string> words = [];
        string named = Digest().Replace(shown.Replace(registry, "REGISTRY", StringComparison.Ordinal), match => Word(match.Value, "sha256:DIGEST-"));
        return Time().Replace(Id().Replace(named, match => Word(match.Value, "ID-")), "TIME");

        string Word(string text, string kind)
        {
            words.TryAdd(text, $"{kind}{words.Values.Count(word => word.StartsWith(kind, StringComparison.Ordinal)) + 1}");
            return words[text];
        }
    }

    [GeneratedRegex(@"\bsha256:[0-9a-f]{64}\b")]
    private static partial Regex Digest();

    [GeneratedRegex(@"\b[0-9a-f]{128}\b")]
    private static partial Regex Id();

    [GeneratedRegex(@"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")]
    private static partial Regex Time();
}
