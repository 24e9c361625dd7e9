using System.Text.RegularExpressions;
using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>The walls that the compiler cannot see, and the sizes beyond which a file or a method is split.</summary>
public partial class ArchitectureTests
{
    private const int MaxFileLines = 400;
    private const int MaxMethodLines = 60;

    private static readonly string Source = Checkout.PathOf("src");

    public static TheoryData<string, string[], string> Walls() => new()
    {
        { @"\[(LibraryImport|DllImport)", ["Bootc.Linux"], "system calls are made in one room" },
        { @"\bunsafe\b", ["Bootc.Linux", "Bootc.Sha512"], "only that room may be unsafe, and what others than .NET call" },
        { @"\bSystem\.Net\.Http\b|\bHttpClient\b", ["Bootc.Oci"], "only Oci touches the network" },
        { @"\b(?<!\.)(File|Directory)\.(Open|Read|Write|Create|Delete|Exists|Move|Copy|Append|Get|Set|Enumerate)", [], "files are reached through a Dir" },
        { @"\bConsole\.", ["Bootc", "Bootc.Initramfs"], "only the programs talk to people" },
        { @"\bProcess\.Start|\bCli\.Wrap", ["Bootc.Host"], "other programs are run through Programs" },
        { @"\bSystem\.Security\.Cryptography\b", ["Bootc.Oci", "Bootc.Composefs", "Bootc.Host"], "there is no libssl in an initrd" },
    };

    [Theory]
    [MemberData(nameof(Walls))]
    public void Rooms_touch_only_what_they_may(string pattern, string[] rooms, string because) =>
        Files()
            .Where(file => !rooms.Contains(Room(file)))
            .SelectMany(file => Code(file).Where(line => Regex.IsMatch(line.Text, pattern)).Select(line => $"{Relative(file)}:{line.Number}"))
            .Should().BeEmpty(because);

    [Fact]
    public void Programs_are_started_in_one_file() =>
        Files().Where(file => Code(file).Any(line => line.Text.Contains("Cli.Wrap", StringComparison.Ordinal))).Select(Relative)
            .Should().Equal("Bootc.Host/Programs.cs");

    [Fact]
    public void Files_are_short_enough_to_read() =>
        Files().Select(file => (Name: Relative(file), Lines: File.ReadLines(file).Count())).Where(f => f.Lines > MaxFileLines)
            .Should().BeEmpty($"a file over {MaxFileLines} lines holds more than one thing");

    [Fact]
    public void Methods_are_short_enough_to_read() =>
        Files().SelectMany(LongMethods).Should().BeEmpty($"a method over {MaxMethodLines} lines does more than one thing");

    [Fact]
    public void Names_are_those_of_the_field() =>
        Files().Select(file => Path.GetFileNameWithoutExtension(file)).Where(name => VagueName().IsMatch(name))
            .Should().BeEmpty("Helper, Manager, Util and Data say nothing");

    [Fact]
    public void Public_types_say_what_they_are()
    {
        List<string> silent = [];
        foreach (string file in Files().Where(IsFirstPart))
        {
            string[] lines = File.ReadAllLines(file);
            for (int i = 0; i < lines.Length; i++)
            {
                if (PublicType().IsMatch(lines[i]))
                {
                    int above = i - 1;
                    while (above >= 0 && lines[above].TrimStart().StartsWith('['))
                    {
                        above--;
                    }

                    if (above < 0 || !lines[above].TrimStart().StartsWith("///", StringComparison.Ordinal))
                    {
                        silent.Add($"{Relative(file)}:{i + 1}");
                    }
                }
            }
        }

        silent.Should().BeEmpty();
    }

    // Inode.Directory.cs is a further part of Inode.cs, which says what it is.
    private static bool IsFirstPart(string file) => !Path.GetFileNameWithoutExtension(file).Contains('.', StringComparison.Ordinal);

    private static IEnumerable<string> LongMethods(string file)
    {
        // By indentation: a member of a type begins with four spaces and ends with a brace at that depth.
        string[] lines = File.ReadAllLines(file);
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i] == "    {" && i > 0 && !TypeDeclaration().IsMatch(lines[i - 1]))
            {
                int end = Array.IndexOf(lines, "    }", i);
                if (end - i - 1 > MaxMethodLines)
                {
                    yield return $"{Relative(file)}:{i + 1} ({end - i - 1} lines)";
                }
            }
        }
    }

    private static IEnumerable<(int Number, string Text)> Code(string file) =>
        File.ReadLines(file).Select((text, index) => (index + 1, text)).Where(line => !line.text.TrimStart().StartsWith("//", StringComparison.Ordinal));

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private static string Relative(string file) => Path.GetRelativePath(Source, file);

    private static string Room(string file) => Relative(file).Split('/')[0];


    [GeneratedRegex(@"(Helper|Manager|Utils?|Data)$")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"^public (static |sealed |abstract |unsafe |readonly |partial |ref )*(class|record|struct|interface|enum|record struct) ")]
    private static partial Regex PublicType();

    [GeneratedRegex(@"\b(class|record|struct|interface|enum)\b")]
    private static partial Regex TypeDeclaration();
}
