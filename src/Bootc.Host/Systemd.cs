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

    private Task<string> LaterAsync(string verb, CancellationToken cancellationToken) =>
        programs.RunAsync("systemd-run", ["--quiet", "--", "systemctl", verb, "--message=Initiated by bootc"], cancellationToken: cancellationToken);
}
