using Bootc.Host;

namespace Bootc.Rendering;

/// <summary>
/// Shows steps on stderr: on a terminal one line that is redrawn, with a bar where the length of the step is known; elsewhere
/// a plain line when a step begins.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private const int BarWidth = 30;
    private const string ClearLine = "\r\e[K";

    private readonly TextWriter _error;
    private readonly bool _isTerminal;
    private readonly List<string> _running = [];
    private bool _isDrawn;

    /// <param name="error">Where to show them.</param>
    /// <param name="isTerminal">Whether a line there can be redrawn.</param>
    /// <param name="protocol">Who is told, too; null for nobody.</param>
    public ProgressLine(TextWriter error, bool isTerminal, ProgressProtocol? protocol = null)
    {
        _error = error;
        _isTerminal = isTerminal;
        Steps = new(news =>
        {
            Show(news);
            protocol?.Show(news);
        });
    }

    /// <summary>The steps that are shown here.</summary>
    public Steps Steps { get; }

    /// <summary>A line on the given writer, redrawn if that is this process's stderr and a terminal.</summary>
    public static ProgressLine On(TextWriter error, ProgressProtocol? protocol = null) =>
        new(error, ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected, protocol);

    /// <summary>Leaves an empty line to whoever writes next.</summary>
    public void Dispose()
    {
        if (_isDrawn)
        {
            _error.Write(ClearLine);
            _isDrawn = false;
        }
    }

    /// <summary>A bar of fixed width with the share that is done, such as <c>[#########---------------------]  30%</c>.</summary>
    internal static string Bar(long done, long total)
    {
        double share = total <= 0 ? 1 : Math.Clamp((double)done / total, 0, 1);
        int filled = (int)(share * BarWidth);
        return $"[{new string('#', filled)}{new string('-', BarWidth - filled)}] {(int)(share * 100),3}%";
    }

    private void Show(StepProgress news)
    {
        if (news.State == StepState.Started)
        {
            _running.Add(news.What);
        }
        else if (news.State != StepState.Advanced)
        {
            _running.Remove(news.What);
        }

        if (_isTerminal)
        {
            Draw(news);
        }
        else if (news.State == StepState.Started)
        {
            _error.WriteLine(news.What);
        }
    }

    private void Draw(StepProgress news)
    {
        if (_running.Count == 0)
        {
            Dispose();
            return;
        }

        bool runs = _running.Contains(news.What);
        string text = runs ? news.What : _running[^1];
        string amount = (runs, news) switch
        {
            (true, { Total: { } total }) => $" {Bar(news.Done, total)}",
            (true, { Done: > 0 }) => $" {news.Done >> 20} MiB",
            _ => "",
        };
        _error.Write($"{ClearLine}{text}{amount}");
        _error.Flush();
        _isDrawn = true;
    }
}
