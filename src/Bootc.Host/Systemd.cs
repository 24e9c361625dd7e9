using System.Net.Sockets;
using System.Text;
using Bootc.Linux;

namespace Bootc.Host;

/// <summary>What this program wants of systemd: through systemctl and systemd-run, as there is no D-Bus library at hand.</summary>
public sealed class Systemd(Programs programs)
{
    /// <summary>Starts a unit and waits until it runs.</summary>
    public Task StartAsync(string unit, CancellationToken cancellationToken) =>
        programs.RunAsync("systemctl", ["start", "--quiet", unit], cancellationToken: cancellationToken);

    /// <summary>Starts a reboot that goes on when this process has ended: it may be in a session that the shutdown ends first.</summary>
    public Task RebootAsync(CancellationToken cancellationToken) => LaterAsync("reboot", cancellationToken);

    /// <summary>Starts a reboot of user space into <c>/run/nextroot</c>.</summary>
    public Task SoftRebootAsync(CancellationToken cancellationToken) => LaterAsync("soft-reboot", cancellationToken);

    /// <summary>The state of a unit, such as <c>active</c>; <c>inactive</c> where there is none of this name.</summary>
    public async Task<string> ReadStateAsync(string unit, CancellationToken cancellationToken) =>
        (await programs.RunAsync("systemctl", ["show", "--property=ActiveState", "--value", "--", unit], cancellationToken: cancellationToken)).Trim();

    /// <summary>The units that failed.</summary>
    public async Task<IReadOnlyList<string>> ListFailedAsync(CancellationToken cancellationToken) =>
    [
        .. (await programs.RunAsync("systemctl", ["list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"], cancellationToken: cancellationToken))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimStart().Split(' ')[0]),
    ];

    /// <summary>
    /// Has the journal keep a message that other programs look for (Native Journal Protocol, systemd.io). Where no journal listens it is lost.
    /// </summary>
    /// <param name="root">The root directory of the running system.</param>
    /// <param name="message">One line.</param>
    /// <param name="messageId">What they know it by: 32 hexadecimal digits.</param>
    /// <param name="fields">More of it: names in capitals, values of one line.</param>
    public static void Log(Dir root, string message, string messageId, params (string Name, string Value)[] fields)
    {
        (string Name, string Value)[] all = [("MESSAGE", message), ("MESSAGE_ID", messageId), ("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "bootc"), .. fields];
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.SendTo(
                Encoding.UTF8.GetBytes(string.Concat(all.Select(field => $"{field.Name}={field.Value}\n"))),
                new UnixDomainSocketEndPoint(Path.Join(root.Path, "run/systemd/journal/socket")));
        }
        catch (SocketException)
        {
            // What is told of is done all the same.
        }
    }

    private Task<string> LaterAsync(string verb, CancellationToken cancellationToken) =>
        programs.RunAsync("systemd-run", ["--quiet", "--", "systemctl", verb, "--message=Initiated by bootc"], cancellationToken: cancellationToken);
}
