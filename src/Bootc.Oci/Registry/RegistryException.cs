using System.Net;

namespace Bootc.Oci.Registry;

/// <summary>A registry did not give what it was asked for; the message says which registry, what was asked and what came.</summary>
public sealed class RegistryException : IOException
{
    public RegistryException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }

    /// <summary>The status of the answer; null where there was none.</summary>
    public HttpStatusCode? Status { get; init; }
}
