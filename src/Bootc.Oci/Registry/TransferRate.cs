namespace Bootc.Oci.Registry;

/// <summary>
/// So many bytes per second, for all transfers that share it: a token bucket that holds what a second brings, so that a machine with other things to do
/// still comes up to the rate. Whoever was held up longer than that does not make up for it.
/// </summary>
public sealed class TransferRate
{
    /// <summary>The lowest rate, in bytes per second; registries and what lies before them end connections that are slower.</summary>
    public const long Least = 1 << 10;

    private const int LargestPiece = 128 << 10;
    private const int PiecesPerSecond = 8;

    private static readonly TimeSpan Saved = TimeSpan.FromSeconds(1);

    private readonly Lock _taking = new();
    private readonly long _bytesPerSecond;
    private readonly TimeProvider _time;
    private readonly long _began;
    private TimeSpan _paidUntil;

    /// <param name="bytesPerSecond">At least <see cref="Least"/>.</param>
    /// <param name="time">The clock; the machine's own unless given.</param>
    public TransferRate(long bytesPerSecond, TimeProvider? time = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, Least);
        _bytesPerSecond = bytesPerSecond;
        _time = time ?? TimeProvider.System;
        _began = _time.GetTimestamp();
        Piece = (int)Math.Clamp(bytesPerSecond / PiecesPerSecond, Least, LargestPiece);
    }

    /// <summary>Bytes to take at once at most, so that a transfer flows, and does not rest for minutes after each piece.</summary>
    public int Piece { get; }

    /// <summary>Accounts for bytes that arrived, and waits until the next may.</summary>
    public Task TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_taking)
        {
            TimeSpan now = _time.GetElapsedTime(_began);
            TimeSpan earliest = now - Saved;
            _paidUntil = (_paidUntil > earliest ? _paidUntil : earliest) + TimeSpan.FromSeconds((double)bytes / _bytesPerSecond);
            wait = _paidUntil - now;
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, _time, cancellationToken) : Task.CompletedTask;
    }
}
