using System.Text;

namespace Bootc.Testing.Vm;

/// <summary>
/// A shell script that runs as root in a guest once it is up, whatever image the guest boots: systemd (256 and newer)
/// takes the unit for it from an SMBIOS credential. Its output goes to the second serial port.
/// </summary>
public static class GuestScript
{
    /// <summary>The device of the guest's second serial port.</summary>
    public const string Port = "/dev/ttyS1";

    /// <summary>The arguments for QEMU that make the guest run <paramref name="script"/>.</summary>
    public static IEnumerable<string> Arguments(string script)
    {
        // Type=exec: the boot is complete, and `systemctl is-system-running` can say so, while the script runs.
        string unit =
            $"""
            [Unit]
            After=multi-user.target getty.target
            [Service]
            Type=exec
            StandardInput=null
            StandardOutput=tty
            StandardError=journal
            TTYPath={Port}
            ExecStart=/bin/sh -c "echo {Base64(script)} | base64 -d > /run/lab.sh; exec sh /run/lab.sh"

            """;
        return
        [
            "-smbios", $"type=11,value=io.systemd.credential.binary:systemd.extra-unit.lab.service={Base64(unit)}",
            "-smbios", $"type=11,value=io.systemd.credential.binary:systemd.unit-dropin.multi-user.target={Base64("[Unit]\nWants=lab.service\n")}",
        ];
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
