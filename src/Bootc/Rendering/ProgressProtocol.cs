using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Host;
using Bootc.Linux;

namespace Bootc.Rendering;

/// <summary>
/// Tells another program of the steps of an operation: lines of JSON on a pipe, in the form of upstream's <c>--progress-fd</c>
/// (version 0.1.0). Totals are of what has to be read; what is there from an earlier time is counted beside it. News that others will
/// follow are sent five times a second at most; a pipe that breaks ends the news and nothing else.
/// </summary>
internal sealed class ProgressProtocol : IDisposable
{
    private const string Version = "0.1.0";

    private static readonly TimeSpan SendEvery = TimeSpan.FromMilliseconds(200);

    private readonly Stream _pipe;
    private readonly TextWriter _error;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, ulong> _expected = [];
    private readonly OrderedDictionary<string, SubTask> _layers = [];
    private long _lastSent;
    private ulong _bytesCached;
    private ulong _layersCached;
    private ulong _layersDone;
    private ulong _stepsDone;
    private bool _isStarted;
    private bool _isBroken;

    public ProgressProtocol(Stream pipe, TextWriter error, TimeProvider clock)
    {
        _pipe = pipe;
        _error = error;
        _clock = clock;
    }

    /// <summary>The protocol on a pipe that this process was given.</summary>
    /// <param name="descriptor">The number of the pipe's descriptor.</param>
    /// <param name="error">Where to say that the pipe is broken.</param>
    public static ProgressProtocol On(int descriptor, TextWriter error)
    {
        Fd? pipe = Fd.TryInherit(descriptor);
        if (pipe?.Status().Kind != FileKind.Fifo)
        {
            throw new BootcException($"--progress-fd {descriptor} is not a pipe; with podman give it to the container with --preserve-fds");
        }

        return new(pipe.IntoStream(FileAccess.Write), error, TimeProvider.System);
    }

    /// <summary>Takes the news of a step.</summary>
    public void Show(StepProgress news)
    {
        if (news.State == StepState.Expected)
        {
            _expected[news.What] = (ulong)(news.Total ?? 0);
        }
        else if (news.State == StepState.Skipped)
        {
            _bytesCached += (ulong)(news.Total ?? 0);
            _layersCached++;
        }
        else if (news.Total is { } total)
        {
            ShowBytes(news, (ulong)total);
        }
        else if (news.State is StepState.Started or StepState.Finished)
        {
            _stepsDone += news.State == StepState.Finished ? 1UL : 0;
            Send(new StepsEvent("installing", news.What, "installing", 0, _stepsDone, 0, []));
        }
    }

    public void Dispose()
    {
        try
        {
            _pipe.Dispose();
        }
        catch (IOException)
        {
            // Said when it happened.
        }
    }

    private void ShowBytes(StepProgress news, ulong total)
    {
        _expected.Remove(news.What);
        _layers[news.What] = new("layer", news.What, news.What, 0, (ulong)news.Done, total);
        _layersDone += news.State == StepState.Finished ? 1UL : 0;
        if (news.State == StepState.Advanced && _clock.GetElapsedTime(_lastSent) < SendEvery)
        {
            return;
        }

        _lastSent = _clock.GetTimestamp();
        Send(new BytesEvent(
            "pulling",
            "Importing the image",
            "pulling",
            _bytesCached,
            _layers.Values.Aggregate(0UL, (sum, layer) => sum + layer.Bytes),
            _layers.Values.Select(layer => layer.BytesTotal).Concat(_expected.Values).Aggregate(0UL, (sum, bytes) => sum + bytes),
            _layersCached,
            _layersDone,
            (ulong)(_layers.Count + _expected.Count),
            [.. _layers.Values]));
    }

    private void Send(ProgressEvent news)
    {
        if (_isBroken)
        {
            return;
        }

        try
        {
            if (!_isStarted)
            {
                // Only now: an operation that finds nothing to do sends no line at all.
                _isStarted = true;
                Write(new StartEvent(Version));
            }

            Write(news);
        }
        catch (IOException e)
        {
            _isBroken = true;
            _error.WriteLine($"warning: nobody is told of the progress any more: {e.Message}");
        }
    }

    private void Write(ProgressEvent news)
    {
        _pipe.Write([.. JsonSerializer.SerializeToUtf8Bytes(news, ProgressJson.Default.ProgressEvent), (byte)'\n']);
        _pipe.Flush();
    }
}

[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(StartEvent), "Start")]
[JsonDerivedType(typeof(BytesEvent), "ProgressBytes")]
[JsonDerivedType(typeof(StepsEvent), "ProgressSteps")]
internal abstract record ProgressEvent;

internal sealed record StartEvent(string Version) : ProgressEvent;

internal sealed record BytesEvent(
    string Task,
    string Description,
    string Id,
    ulong BytesCached,
    ulong Bytes,
    ulong BytesTotal,
    ulong StepsCached,
    ulong Steps,
    ulong StepsTotal,
    SubTask[] Subtasks) : ProgressEvent;

internal sealed record StepsEvent(
    string Task, string Description, string Id, ulong StepsCached, ulong Steps, ulong StepsTotal, SubTask[] Subtasks) : ProgressEvent;

internal sealed record SubTask(string Subtask, string Description, string Id, ulong BytesCached, ulong Bytes, ulong BytesTotal);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProgressEvent))]
internal sealed partial class ProgressJson : JsonSerializerContext;
