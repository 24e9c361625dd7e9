using Bootc.Testing;

namespace Bootc.Tests;

/// <summary>
/// <c>bootc status</c> as a program where no deployment runs. Its root is a file system in memory over this machine's folders, which can look like the
/// root of a deployment and have the marks of a container.
/// </summary>
public sealed class StatusElsewhereTests
{
    private const string Text = "System is not deployed via bootc.\n";

    private const string Json =
        """
        {"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},"spec":{"bootOrder":"default","image":null},
        "status":{"booted":null,"readOnly":false,"rollback":null,"rollbackQueued":false,"staged":null,"type":null,"usrOverlay":null}}
        """;

    // $1 what is mounted as the root, $2 a file that is to be there.
    private const string InARoot =
        """
        source=$1 mark=$2; shift 2
        root=$(mktemp -d)
        trap 'umount -l "$root"; rmdir "$root"' EXIT
        mount -t tmpfs "$source" "$root"
        for path in /*; do
          if [ -L "$path" ]; then
            cp -P "$path" "$root"
          elif [ -d "$path" ] && [ "$path" != /run ] && [ "$path" != /sysroot ]; then
            mkdir "$root$path"
            mount --rbind "$path" "$root$path"
          fi
        done
        mkdir "$root/run" "$root/sysroot"
        test -z "$mark" || touch "$root$mark"
        chroot "$root" "$@"
        """;

    private static readonly string Deployment = $"composefs:{new string('a', 128)}";

    /// <summary>Roots, marks and variables of containers, by what they are.</summary>
    private static readonly Dictionary<string, (string Root, string Mark, string[] Variables)> Places = new()
    {
        ["host"] = ("tmpfs", "", []),
        ["podman"] = (Deployment, "/run/.containerenv", []),
        ["docker"] = (Deployment, "/.dockerenv", []),
        ["nspawn"] = (Deployment, "", ["container=systemd-nspawn"]),
    };

    public static TheoryData<string> AllPlaces() => [.. Places.Keys];

    [Theory]
    [MemberData(nameof(AllPlaces))]
    public async Task Says_so_in_every_format_and_succeeds(string place)
    {
        string yaml = await File.ReadAllTextAsync(Checkout.PathOf("tests", "Bootc.Tests", "Rendering", "goldens", "not-deployed.yaml"));

        await ShouldShowAsync(place, Text, "--format", "humanreadable");
        await ShouldShowAsync(place, Text, "--format", "humanreadable", "--verbose", "--booted");
        await ShouldShowAsync(place, Json.ReplaceLineEndings(""), "--json");
        await ShouldShowAsync(place, yaml, "--format", "yaml", "--format-version", "1");
        await ShouldShowAsync(place, yaml);
    }

    [Fact]
    public async Task The_document_is_one_that_the_schema_allows()
    {
        ProgramOutput json = await RunAsync("podman", "--json");
        ProgramOutput yaml = await RunAsync("podman", "--format", "yaml");

        ProgramOutput judged = await HostDocumentJudge.CheckAsync(json.Output, yaml.Output, HostDocumentJudge.Schema);

        judged.ExitCode.Should().Be(0, "{0}", judged);
    }

    /// <summary>Otherwise the marks of containers were not what made the difference.</summary>
    [Fact]
    public async Task The_same_root_without_a_mark_is_taken_for_a_deployment()
    {
        ProgramOutput shown = await RunInAsync(Deployment, mark: "", [], ["--format", "humanreadable"]);

        shown.Output.Should().StartWith("● Booted image: unknown\n", "{0}", shown);
    }

    private static async Task ShouldShowAsync(string place, string expected, params string[] options)
    {
        ProgramOutput shown = await RunAsync(place, options);

        shown.Should().Be(new ProgramOutput(0, expected, ""));
    }

    private static Task<ProgramOutput> RunAsync(string place, params string[] options) =>
        RunInAsync(Places[place].Root, Places[place].Mark, Places[place].Variables, options);

    private static Task<ProgramOutput> RunInAsync(string root, string mark, string[] variables, string[] options) => LabProgram.TryRunAsync(
        "unshare",
        ["--mount", "sh", "-ec", InARoot, "sh", root, mark, "env", "--unset=container", .. variables, .. BuiltProgram.Command, "status", .. options]);
}
