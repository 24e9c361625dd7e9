using System.CommandLine.Parsing;
using Bootc.Composefs;

namespace Bootc.Commands;

/// <summary>The id of a deployment on a command line.</summary>
internal static class DeploymentArgument
{
    public static ObjectId? Parse(ArgumentResult result)
    {
        if (!ObjectId.TryParse(result.Tokens[0].Value, out ObjectId? parsed))
        {
            result.AddError($"\"{result.Tokens[0].Value}\" is not the id of a deployment");
        }

        return parsed;
    }
}
