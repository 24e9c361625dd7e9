using System.Text;

namespace Bootc.Testing.Vm;

/// <summary>
/// Questions to a guest: commands that it runs when it is up, each under a name. Every answer comes back as a line of
/// JSON that holds this probe's nonce, so that nothing else on the port can be taken for one.
/// </summary>
public sealed class GuestProbe
{
    private const string EndName = "end";

    private readonly StringBuilder _commands = new();

    /// <summary>Drawn for this probe alone.</summary>
    public string Nonce { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Adds a question.</summary>
    /// <param name="name">The name of the answer.</param>
    /// <param name="command">Lines of shell.</param>
    public GuestProbe Ask(string name, string command)
    {
        _commands.Append($"answer {name} <<'{Nonce}'\n{command}\n{Nonce}\n");
        return this;
    }

    /// <summary>The script that asks all questions in order and then switches the guest off.</summary>
    internal string ToScript() =>
        $$"""
        answer() {
          cat > /run/lab-command
          sh /run/lab-command > /run/lab-output 2> /run/lab-error < /dev/null
          printf '{"nonce":"%s","name":"%s","exit":%d,"output":"%s","error":"%s"}\n' {{Nonce}} "$1" $? \
            "$(base64 -w0 /run/lab-output)" "$(base64 -w0 /run/lab-error)"
        }
        {{_commands}}
        answer {{EndName}} <<'{{Nonce}}'
        sync
        {{Nonce}}
        systemctl poweroff

        """;

    /// <summary>Reads the answers out of what came in on the port.</summary>
    internal GuestReport Read(string port) => GuestReport.Parse(port, Nonce, EndName);
}
