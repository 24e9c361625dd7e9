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

    private Task<string> LaterAsync(string verb, CancellationToken cancellationToken) =>
        programs.RunAsync("systemd-run", ["--quiet", "--", "systemctl", verb, "--message=Initiated by bootc"], cancellationToken: cancellationToken);
}
