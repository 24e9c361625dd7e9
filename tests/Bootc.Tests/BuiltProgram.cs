namespace Bootc.Tests;

/// <summary>The program as it was built with these tests, not compiled ahead of time.</summary>
internal static class BuiltProgram
{
    /// <summary>
    /// A command line that runs it. It lies in its own project's folder: beside these tests there is a copy without the assemblies that they have of
    /// ASP.NET's framework.
    /// </summary>
    public static string[] Command { get; } =
        ["dotnet", Path.GetFullPath(Path.Join(AppContext.BaseDirectory, "..", "..", "Bootc", new DirectoryInfo(AppContext.BaseDirectory).Name, "bootc.dll"))];
}
