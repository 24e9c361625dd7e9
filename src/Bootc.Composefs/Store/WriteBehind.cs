namespace Bootc.Composefs.Store;

/// <summary>
/// Begins to write to the disk what was stored while more of it is on its way, so that the disk is not idle meanwhile, and the sync before
/// the names finds little to do. Any number of threads may use it.
/// </summary>
/// <param name="sync">Makes all that was written durable.</param>
internal sealed class WriteBehind(Action sync)
{
    /// <summary>Bytes. A small image, and most updates, are synced once.</summary>
    private const long Step = 256 << 20;

    private readonly Lock _beginning = new();
    private long _stored;
    private Task _begun = Task.CompletedTask;

    /// <summary>Says that so many bytes were stored.</summary>
    public void Add(long bytes)
    {
        if (Interlocked.Add(ref _stored, bytes) < Step)
        {
            return;
        }

        lock (_beginning)
        {
            // One that failed stays: the kernel says so once.
            if (_begun.IsCompletedSuccessfully && Interlocked.Read(ref _stored) >= Step)
            {
                Interlocked.Exchange(ref _stored, 0);
                _begun = Task.Run(sync);
            }
        }
    }

    /// <summary>Waits for what was begun, and throws what that failed with.</summary>
    public void Settle()
    {
        Task begun;
        lock (_beginning)
        {
            begun = _begun;
        }

        begun.GetAwaiter().GetResult();
    }

    /// <summary>Waits for what was begun, whatever comes of it.</summary>
    public void Abandon()
    {
        try
        {
            Settle();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It was asked for by nobody.
        }
    }
}
