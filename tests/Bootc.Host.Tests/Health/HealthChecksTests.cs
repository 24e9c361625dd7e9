using Bootc.Host.Health;
using Bootc.Host.Tests.Operations;
using Bootc.Linux;

namespace Bootc.Host.Tests.Health;

/// <summary>Checks that are scripts in folders of a root made for it.</summary>
public sealed class HealthChecksTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bootc-health");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task A_machine_without_checks_is_good() => (await RunAsync()).Should().BeEquivalentTo(new HealthReport([], []));

    [Fact]
    public async Task A_required_check_that_fails_is_named_with_its_last_words_and_a_wanted_one_only_warns()
    {
        Check("usr/lib/bootc/health.d/required.d/10-good", "exit 0");
        Check("etc/bootc/health.d/required.d/20-bad", "echo it is; echo broken >&2; exit 3");
        Check("etc/bootc/health.d/wanted.d/30-nice", "exit 1");

        HealthReport report = await RunAsync();

        report.Failures.Should().Equal($"{_root.FullName}/etc/bootc/health.d/required.d/20-bad: exit code 3: it is broken");
        report.Warnings.Should().Equal($"{_root.FullName}/etc/bootc/health.d/wanted.d/30-nice: exit code 1");
    }

    [Theory]
    [InlineData("usr/lib/greenboot/check/required.d/a")]
    [InlineData("etc/greenboot/check/required.d/a")]
    public async Task Checks_of_greenboot_count(string path)
    {
        Check(path, "exit 1");

        (await RunAsync()).Failures.Should().ContainSingle();
    }

    [Fact]
    public async Task One_that_takes_too_long_is_ended()
    {
        Write("etc/bootc/health.d/10.toml", "time-limit = \"1s\"\n");
        Check("etc/bootc/health.d/required.d/10-slow", "echo waiting for the database; exec sleep 60");

        (await RunAsync()).Failures.Should().ContainSingle().Which.Should().EndWith("10-slow: it did not end within 1 s: waiting for the database");
    }

    [Fact]
    public async Task A_link_to_nowhere_in_etc_takes_a_check_of_the_image_away()
    {
        Check("usr/lib/bootc/health.d/required.d/10-bad", "exit 1");
        Directory.CreateDirectory(Path.Join(_root.FullName, "etc/bootc/health.d/required.d"));
        File.CreateSymbolicLink(Path.Join(_root.FullName, "etc/bootc/health.d/required.d/10-bad"), "/dev/null");

        (await RunAsync()).Failures.Should().BeEmpty();
    }

    [Theory]
    [InlineData("time-limit = 90", "/etc/bootc/health.d/10.toml:1: time-limit: wanted a text in quotes")]
    [InlineData("time-limit = \"2h\"", "/etc/bootc/health.d/10.toml:1: time-limit: wanted seconds, such as \"90s\", up to an hour")]
    [InlineData("failed-units = \"all\"", "/etc/bootc/health.d/10.toml:1: failed-units: wanted ignore, refuse")]
    [InlineData("timeout = \"9s\"", "/etc/bootc/health.d/10.toml:1: timeout: there is no such key*")]
    public async Task A_mistake_in_the_configuration_makes_the_machine_bad_and_is_named(string toml, string failure)
    {
        Write("etc/bootc/health.d/10.toml", toml);

        (await RunAsync()).Failures.Should().ContainSingle().Which.Should().Match(failure);
    }

    [Theory]
    [InlineData("refuse", new[] { "database.service failed" })]
    [InlineData("ignore", new string[0])]
    public async Task Units_that_failed_count_as_the_configuration_has_it_but_for_those_that_tell_of_updates(string policy, string[] failures)
    {
        Write("usr/lib/bootc/health.d/10.toml", $"failed-units = \"{policy}\"\n");

        (await RunAsync()).Failures.Should().Equal(failures);
    }

    [Fact]
    public async Task The_reason_is_kept_for_the_rest_of_the_boot()
    {
        using Dir root = Dir.Open(_root.FullName);
        Check("etc/bootc/health.d/required.d/10-bad", "exit 1");
        root.TryMakeDir("run");
        (await RunAsync()).Save(root);
        HealthReport.ReadReason(root).Should().EndWith("10-bad: exit code 1");

        Check("etc/bootc/health.d/required.d/10-bad", "exit 0");
        (await RunAsync()).Save(root);
        HealthReport.ReadReason(root).Should().BeNull();
    }

    private async Task<HealthReport> RunAsync()
    {
        using Dir root = Dir.Open(_root.FullName);
        return await new HealthChecks(root, MachineFolders.Programs).RunAsync(default);
    }

    private void Check(string path, string script)
    {
        string folder = Path.Join(_root.FullName, Path.GetDirectoryName(path));
        Directory.CreateDirectory(folder);
        using Dir directory = Dir.Open(folder);
        directory.WriteAtomically(Path.GetFileName(path), $"#!/bin/sh\n{script}\n", mode: 0x1ED);
    }

    private void Write(string path, string content)
    {
        string file = Path.Join(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }
}
