using System.Text;
using Bootc.Host.Etc;

namespace Bootc.Rendering;

/// <summary>Changes of /etc, a line each.</summary>
internal static class EtcText
{
    public static string Render(EtcMergePlan plan)
    {
        StringBuilder text = new();
        foreach (EtcChange change in plan.Changes)
        {
            Append(change.Kind.ToString().ToLowerInvariant(), $"/etc/{Encoding.UTF8.GetString(change.Path)}");
        }

        foreach (EtcConflict conflict in plan.Conflicts)
        {
            Append("unmergeable", conflict.ToString());
        }

        return text.ToString();

        void Append(string what, string path) => text.Append(what.PadRight("unmergeable ".Length)).Append(PlainLine.Of(path)).Append('\n');
    }
}
