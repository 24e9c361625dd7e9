using System.Text.Json;
using Bootc.Linux;

namespace Bootc.CrashStates;

/// <summary>A part of the disk.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="Size">In bytes.</param>
public sealed record Slice(long Start, long Size)
{
    /// <summary>Whether the byte at this place of the disk is in it.</summary>
    public bool Contains(long offset) => offset >= Start && offset < Start + Size;
}

/// <summary>An operation of the recorded machine.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Boot">The boot in which it ran, counted from 0: each has a log.</param>
/// <param name="From">The length of that log before it.</param>
/// <param name="To">The length after it.</param>
/// <param name="Before">The length where the disk was what it may have gone back to by then, if that was not at its start.</param>
public sealed record RecordedOperation(string Name, int Boot, long From, long To, long? Before = null);

/// <summary>What was recorded of a machine that staged an image, booted it, rolled back, and removed the old one.</summary>
/// <param name="Filesystem">The type of its root.</param>
/// <param name="Esp">Where on the disk its boot partition is.</param>
/// <param name="Root">Where its root is.</param>
/// <param name="First">The deployment that was installed.</param>
/// <param name="Second">The one that was staged.</param>
/// <param name="Operations">In order.</param>
public sealed record RecordedFacts(
    string Filesystem, Slice Esp, Slice Root, string First, string Second, IReadOnlyList<RecordedOperation> Operations);

/// <summary>A stretch of the requests of a <see cref="Recording"/>.</summary>
/// <param name="Name">The operation that made them.</param>
/// <param name="From">The first.</param>
/// <param name="To">The first that is not of it.</param>
/// <param name="Before">The first that is not of the disk it has to be compared with.</param>
public sealed record Stretch(string Name, int From, int To, int Before);

/// <summary>
/// The disk of a machine as it was before it first ran, and all that it told its disk since: over two boots, of which the first ended
/// with a shutdown.
/// </summary>
public sealed class Recording : IDisposable
{
    public const string FactsFile = "facts.json";
    public const string EspFile = "esp.img";
    public const string RootFile = "root.img";
    public const string Layout = "layout";

    private readonly List<WriteLog> _logs = [];
    private readonly List<(LoggedRequest Request, WriteLog Log)> _requests = [];
    private readonly List<Stretch> _operations = [];

    private Recording(string folder, RecordedFacts facts)
    {
        Folder = folder;
        Facts = facts;
        for (int boot = 0; boot <= facts.Operations.Max(operation => operation.Boot); boot++)
        {
            RecordedOperation[] here = [.. facts.Operations.Where(operation => operation.Boot == boot)];
            long[] lengths = [.. here.SelectMany(operation => (long[])[operation.From, operation.To, operation.Before ?? operation.From]).Order().Distinct()];
            WriteLog log = WriteLog.Open(Path.Join(folder, LogFile(boot)), lengths, out int[] positions);
            _logs.Add(log);
            int before = _requests.Count;
            _operations.AddRange(here.Select(operation => new Stretch(operation.Name, PositionOf(operation.From), PositionOf(operation.To), PositionOf(operation.Before ?? operation.From))));
            _requests.AddRange(log.Requests.Select(request => (request, log)));

            // Ending QEMU loses nothing that was written.
            _requests.Add((new(0, 0, IsFlush: true, 0), log));

            int PositionOf(long length) => before + positions[Array.IndexOf(lengths, length)];
        }
    }

    /// <summary>The folder with the disks and the logs.</summary>
    public string Folder { get; }

    public RecordedFacts Facts { get; }

    public IReadOnlyList<Stretch> Operations => _operations;

    /// <summary>How many requests there are.</summary>
    public int Count => _requests.Count;

    public LoggedRequest this[int index] => _requests[index].Request;

    /// <summary>The name of the log of a boot.</summary>
    public static string LogFile(int boot) => $"boot-{boot}.log";

    public static Recording Open(string folder) =>
        new(folder, JsonSerializer.Deserialize<RecordedFacts>(File.ReadAllText(Path.Join(folder, FactsFile)))!);

    /// <summary>What a request wrote.</summary>
    public byte[] Read(int index) => _requests[index].Log.Read(_requests[index].Request);

    public void Dispose() => _logs.ForEach(log => log.Dispose());
}
