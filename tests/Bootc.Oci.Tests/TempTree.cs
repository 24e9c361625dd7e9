using System.Diagnostics;
using System.Text;
using Bootc.Testing;

namespace Bootc.Oci.Tests;

/// <summary>A temporary directory, and shell commands run in it; removed at the end.</summary>
internal sealed class TempTree : IDisposable
{
    static TempTree() => HostPackages.EnsureAsync().GetAwaiter().GetResult();

    public string Path { get; } = Directory.CreateTempSubdirectory("bootc-oci-").FullName;

    public string this[string name] => System.IO.Path.Join(Path, name);

    /// <summary>Runs a shell script in the directory and returns the bytes it prints; a failure fails the test with its last words.</summary>
    public byte[] Run(string script)
    {
        ProcessStartInfo start = new("/bin/bash")
        {
            ArgumentList = { "-euc", script },
            WorkingDirectory = Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["LC_ALL"] = "C", ["TZ"] = "UTC" },
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        process.ExitCode.Should().Be(0, "of {0}: {1}", script, errors.Result);
        return output.ToArray();
    }

    public string Text(string script) => Encoding.Latin1.GetString(Run(script));

    // not Directory.Delete, which cannot name files whose names are not UTF-8
    public void Dispose()
    {
        using Process process = Process.Start("rm", ["-rf", Path]);
        process.WaitForExit();
    }
}
