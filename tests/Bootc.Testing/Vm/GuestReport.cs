using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace Bootc.Testing.Vm;

/// <summary>One answer of a guest.</summary>
public sealed record GuestAnswer(int ExitCode, string Output, string Error)
{
    /// <summary>The output without the white space around it.</summary>
    public string Text => Output.Trim();
}

/// <summary>A guest's answers to a <see cref="GuestProbe"/>.</summary>
public sealed record GuestReport(ImmutableDictionary<string, GuestAnswer> Answers, bool IsComplete)
{
    /// <summary>The answer of this name.</summary>
    public GuestAnswer this[string name] =>
        Answers.TryGetValue(name, out GuestAnswer? answer) ? answer : throw new KeyNotFoundException($"the guest gave no answer \"{name}\"");

    /// <summary>Takes the lines of JSON that hold the nonce and leaves the rest (the firmware talks on the port too).</summary>
    internal static GuestReport Parse(string port, string nonce, string endName)
    {
        Dictionary<string, GuestAnswer> answers = [];
        foreach (string line in port.Split('\n'))
        {
            int start = line.IndexOf($"{{\"nonce\":\"{nonce}\"", StringComparison.Ordinal);
            // The last line may still be on its way.
            if (start >= 0 && line.TrimEnd().EndsWith('}'))
            {
                JsonElement answer = JsonDocument.Parse(line.AsMemory(start).TrimEnd()).RootElement;
                answers[answer.GetProperty("name").GetString()!] = new(
                    answer.GetProperty("exit").GetInt32(), Text(answer, "output"), Text(answer, "error"));
            }
        }

        return new(answers.ToImmutableDictionary(), answers.ContainsKey(endName));
    }

    private static string Text(JsonElement answer, string name) =>
        Encoding.UTF8.GetString(answer.GetProperty(name).GetBytesFromBase64());
}
