using System.Xml.Linq;

namespace Bootc.Testing;

/// <summary>How many tests passed, failed and were skipped.</summary>
/// <param name="Complaints">What failed and what it said, an entry each.</param>
internal sealed record TestResults(int Passed, int Failed, int Skipped, params string[] Complaints)
{
    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>A check that is no test of a project.</summary>
    public static TestResults OnePassed { get; } = new(1, 0, 0);

    /// <summary>Whether everything ran, and passed.</summary>
    public bool IsGood => Failed == 0 && Skipped == 0 && Passed > 0;

    /// <summary>Reads a results file of <c>dotnet test --logger trx</c>.</summary>
    public static TestResults Read(string path)
    {
        XElement[] results = [.. XDocument.Load(path).Descendants(Trx + "UnitTestResult")];
        XElement[] failed = [.. results.Where(r => OutcomeOf(r) is not ("Passed" or "NotExecuted"))];
        int skipped = results.Count(r => OutcomeOf(r) == "NotExecuted");
        return new(results.Length - failed.Length - skipped, failed.Length, skipped, [.. failed.Select(Complaint)]);
    }

    /// <summary>A run that ended before it could say what it did.</summary>
    public static TestResults Crashed(string what) => new(0, 1, 0, $"{what}: see its output above");

    public static TestResults operator +(TestResults a, TestResults b) =>
        new(a.Passed + b.Passed, a.Failed + b.Failed, a.Skipped + b.Skipped, [.. a.Complaints, .. b.Complaints]);

    public override string ToString() => $"{Passed} passed, {Failed} failed, {Skipped} skipped";

    private static string? OutcomeOf(XElement result) => (string?)result.Attribute("outcome");

    private static string Complaint(XElement result) =>
        $"{(string?)result.Attribute("testName")}: {(string?)result.Descendants(Trx + "Message").FirstOrDefault()}";
}
