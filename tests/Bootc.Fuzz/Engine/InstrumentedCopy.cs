using SharpFuzz;

namespace Bootc.Fuzz.Engine;

/// <summary>
/// This program once more, in a folder of its own, with counters in every branch of the assemblies that read bytes from outside.
/// </summary>
internal sealed class InstrumentedCopy : IDisposable
{
    private static readonly string[] Instrumented =
        ["Bootc.Linux.dll", "Bootc.Oci.dll", "Bootc.Composefs.dll", "Bootc.Host.dll", "bootc.dll", "bootc-root-setup.dll", "Tomlyn.dll"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-fuzz-");

    public InstrumentedCopy()
    {
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory))
        {
            File.Copy(file, PathOf(Path.GetFileName(file)));
        }

        foreach (string assembly in Instrumented)
        {
            // The types come one by one as they are done, and the assembly is written after the last.
            _ = Fuzzer.Instrument(PathOf(assembly), _ => true, Options.Value).Count();
        }
    }

    /// <summary>The program, for dotnet to run.</summary>
    public string Program => PathOf(Path.GetFileName(typeof(InstrumentedCopy).Assembly.Location));

    /// <summary>A file in the folder, which goes when this does.</summary>
    public string PathOf(string name) => Path.Join(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
