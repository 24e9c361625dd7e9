using System.CommandLine;
using Bootc.Host;

namespace Bootc.Commands;

/// <summary>A verb of upstream's bootc that is not here: whatever follows it, it says so, and so does its help. Hidden.</summary>
internal sealed class UnavailableVerb : Command
{
    /// <summary>A verb that is refused.</summary>
    /// <param name="name">The last of its words.</param>
    /// <param name="refusal">The whole sentence.</param>
    public UnavailableVerb(string name, string refusal)
        : base(name, refusal)
    {
        Hidden = true;
        TreatUnmatchedTokensAsErrors = false;
        SetAction(int (ParseResult _) => throw new BootcException(refusal));
    }
}
