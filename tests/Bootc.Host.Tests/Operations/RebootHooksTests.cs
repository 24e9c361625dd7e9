using Bootc.Host.Operations;
using Bootc.Linux;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bootc.Host.Tests.Operations;

/// <summary>Hooks are shell scripts that write their names down; the system is a folder.</summary>
public sealed class RebootHooksTests : IDisposable
{
    private const string OfImage = "usr/lib/bootc/before-reboot.d";
    private const string OfMachine = "etc/bootc/before-reboot.d";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-hooks");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task All_agree_where_there_are_none() => (await RunAsync()).Should().BeNull();

    [Fact]
    public async Task Run_in_the_order_of_their_names_whichever_folder_they_are_in()
    {
        Hook(OfImage, "20-drain");
        Hook(OfMachine, "10-ask");
        Hook(OfMachine, "30-tell");

        (await RunAsync()).Should().BeNull();

        Ran().Should().Equal("10-ask", "20-drain", "30-tell");
    }

    [Fact]
    public async Task The_first_that_fails_postpones_the_reboot_in_its_own_words_and_no_other_runs()
    {
        Hook(OfImage, "10-ask");
        Hook(OfMachine, "20-backup", "echo a backup is running >&2; exit 75");
        Hook(OfImage, "30-drain");

        (await RunAsync()).Should().Be($"{_folder.FullName}/{OfMachine}/20-backup: exit code 75: a backup is running");

        Ran().Should().Equal("10-ask", "20-backup");
    }

    [Fact]
    public async Task One_that_says_nothing_postpones_it_too()
    {
        Hook(OfMachine, "never", "exit 1");

        (await RunAsync()).Should().Be($"{_folder.FullName}/{OfMachine}/never: exit code 1");
    }

    [Fact]
    public async Task One_that_cannot_be_started_postpones_it()
    {
        File.WriteAllText(Create(OfMachine, "10-broken"), "#!/nowhere\n");
        MakeExecutable(OfMachine, "10-broken");

        (await RunAsync()).Should().Contain($"{OfMachine}/10-broken").And.Contain("could not be started");
    }

    [Fact]
    public async Task The_machines_hook_takes_the_place_of_the_images()
    {
        Hook(OfImage, "10-ask", "exit 1");
        Hook(OfMachine, "10-ask");

        (await RunAsync()).Should().BeNull();
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/nowhere")]
    public async Task A_link_to_nothing_hides_a_hook_of_the_image(string target)
    {
        Hook(OfImage, "10-ask", "exit 1");
        File.CreateSymbolicLink(Create(OfMachine, "10-ask"), target);

        (await RunAsync()).Should().BeNull();
    }

    [Fact]
    public async Task A_link_to_a_program_is_a_hook()
    {
        File.CreateSymbolicLink(Create("run/bootc/before-reboot.d", "hold"), "/bin/false");

        (await RunAsync()).Should().EndWith("/hold: exit code 1");
    }

    [Fact]
    public async Task What_cannot_be_executed_and_what_is_hidden_is_no_hook()
    {
        File.WriteAllText(Create(OfMachine, "README"), "exit 1\n");
        Hook(OfMachine, ".10-ask.swp", "exit 1");
        Directory.CreateDirectory(Path.Join(_folder.FullName, OfMachine, "old"));

        (await RunAsync()).Should().BeNull();
    }

    private async Task<string?> RunAsync()
    {
        using Dir root = Dir.Open(_folder.FullName);
        return await new RebootHooks(root, new Programs(NullLogger<Programs>.Instance)).RunAsync(CancellationToken.None);
    }

    private void Hook(string folder, string name, string command = "exit 0")
    {
        File.WriteAllText(Create(folder, name), $"#!/bin/sh\necho {name} >> {_folder.FullName}/ran\n{command}\n");
        MakeExecutable(folder, name);
    }

    private void MakeExecutable(string folder, string name)
    {
        using Dir directory = Dir.Open(Path.Join(_folder.FullName, folder));
        directory.SetPermissions(name, 0x1C0);
    }

    private string Create(string folder, string name) => Path.Join(Directory.CreateDirectory(Path.Join(_folder.FullName, folder)).FullName, name);

    private string[] Ran() => File.ReadAllLines(Path.Join(_folder.FullName, "ran"));
}
