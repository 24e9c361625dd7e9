namespace Bootc.Host;

/// <summary>A failure the user can act on: the message says what was tried or what to do, the inner exception why it failed.</summary>
public sealed class BootcException : Exception
{
    public BootcException(string message)
        : base(message)
    {
    }

    public BootcException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
