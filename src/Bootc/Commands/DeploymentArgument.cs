using System.CommandLine.Parsing;
using Bootc.Composefs;

namespace Bootc.Commands;

/// <summary>The id of a deployment on a command line; null where there is none.</summary>
internal static class DeploymentArgument
{
    public static ObjectId? Parse(ArgumentResult result)
    {
        if (result.Tokens is not [var token])
        {
            return null;
        }

        if (!ObjectId.TryParse(token.Value, out ObjectId? parsed))
        {
            result.AddError($"\"{token.Value}\" is not the id of a deployment");
        }

        return parsed;
    }
}
