using System.Xml.Linq;

namespace Bootc.Testing;

/// <summary>How many tests passed, failed and were skipped.</summary>
internal sealed record TestResults(int Passed, int Failed, int Skipped)
{
    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>A run that ended before it could say what it did.</summary>
    public static TestResults Crashed { get; } = new(0, 1, 0);

    /// <summary>A check that is no test of a project.</summary>
    public static TestResults OnePassed { get; } = new(1, 0, 0);

    /// <summary>Whether everything ran, and passed.</summary>
    public bool IsGood => Failed == 0 && Skipped == 0 && Passed > 0;

    /// <summary>Reads a results file of <c>dotnet test --logger trx</c>.</summary>
    public static TestResults Read(string path)
    {
        string[] outcomes = [.. XDocument.Load(path).Descendants(Trx + "UnitTestResult").Select(r => (string)r.Attribute("outcome")!)];
        int passed = outcomes.Count(o => o == "Passed");
        int skipped = outcomes.Count(o => o == "NotExecuted");
        return new(passed, outcomes.Length - passed - skipped, skipped);
    }

    public static TestResults operator +(TestResults a, TestResults b) =>
        new(a.Passed + b.Passed, a.Failed + b.Failed, a.Skipped + b.Skipped);

    public override string ToString() => $"{Passed} passed, {Failed} failed, {Skipped} skipped";
}
