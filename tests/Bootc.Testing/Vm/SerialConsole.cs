using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Bootc.Testing.Vm;

/// <summary>What a guest said on its console; also written to a file, each line with the seconds since the start.</summary>
public sealed class SerialConsole : IDisposable
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly StringBuilder _text = new();
    private readonly StreamWriter _log;
    private readonly Lock _lock = new();
    private bool _atLineStart = true;
    private bool _closed;

    /// <param name="path">Where the log goes.</param>
    public SerialConsole(string path) => _log = new(path) { AutoFlush = true };

    /// <summary>Told of every piece of text as it comes.</summary>
    public event Action<string>? Said;

    /// <summary>All text so far.</summary>
    public string Text
    {
        get
        {
            lock (_lock)
            {
                return _text.ToString();
            }
        }
    }

    /// <summary>Whether the text so far has a match.</summary>
    public bool Has(Regex pattern) => pattern.IsMatch(Text);

    /// <summary>The last lines, for a message that says why a boot failed.</summary>
    public string Tail(int lines = 25) => string.Join('\n', Text.Split('\n').TakeLast(lines));

    internal async Task ReadAsync(Stream output, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[4096];
        int length;
        while ((length = await output.ReadAsync(buffer, cancellationToken)) > 0)
        {
            Append(Encoding.UTF8.GetString(buffer, 0, length));
        }
    }

    private void Append(string text)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _text.Append(text);
            foreach (string line in SplitAfterNewlines(text))
            {
                if (_atLineStart)
                {
                    _log.Write($"{_clock.Elapsed.TotalSeconds,7:F2} ");
                }

                _log.Write(line);
                _atLineStart = line.EndsWith('\n');
            }
        }

        Said?.Invoke(text);
    }

    private static IEnumerable<string> SplitAfterNewlines(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            int newline = text.IndexOf('\n', start);
            end = newline < 0 ? text.Length : newline + 1;
            yield return text[start..end];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _log.Dispose();
        }
    }
}
