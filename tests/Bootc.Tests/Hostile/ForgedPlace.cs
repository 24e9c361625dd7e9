using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host;
using Bootc.Host.Images;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Registry;
using Bootc.Oci.Tests.Registry;
using Bootc.Testing;

namespace Bootc.Tests.Hostile;

/// <summary>
/// A registry that a test forges images in, and a repository with an image of it. Each pull is judged: it ends with one line and has published
/// nothing, or with the image that is not forged.
/// </summary>
public sealed class ForgedPlace : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-forged-");
    private ObjectId? _good;

    /// <summary>The registry.</summary>
    internal LoopbackRegistry Registry { get; private set; } = null!;

    private string Work => Path.Join(_folder.FullName, "work");

    private string Repo => Path.Join(Work, "repo");

    private string Template => Path.Join(_folder.FullName, "template");

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(Work);
        Directory.CreateDirectory(Path.Join(_folder.FullName, "outside"));
        await File.WriteAllTextAsync(Path.Join(_folder.FullName, "outside", "victim"), "untouched");
        Registry = await LoopbackRegistry.StartAsync([]);
        ForgedImage.PublishBase(Registry);
        await PullAsync();
        await LabProgram.RunAsync("cp", ["-a", Repo, Template]);
        ForgedImage.Good.Publish(Registry);
        _good = await PullAsync();
        await RestoreAsync();
    }

    public async Task DisposeAsync()
    {
        await Registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Pulls a forged image.</summary>
    /// <returns>The line that says why it was refused; null where the image is the good one.</returns>
    internal Task<string?> PullAsync(ForgedImage image)
    {
        image.Publish(Registry);
        return JudgeAsync(PullAsync);
    }

    /// <summary>Pulls what the registry has now, and judges what came of it.</summary>
    /// <param name="pull">Pulls, and returns the id of the image.</param>
    /// <inheritdoc cref="PullAsync(ForgedImage)"/>
    internal async Task<string?> JudgeAsync(Func<Task<ObjectId>> pull)
    {
        string[] around = Around(), names = Names();
        string? line = null;
        ObjectId? found = null;
        try
        {
            found = await pull();
        }
        catch (Exception e)
        {
            line = Report(e);
        }

        Around().Should().Equal(around, "nothing is written outside the repository");
        await ShouldBeSoundAsync();
        if (line is null)
        {
            found.Should().Be(_good);
            await RestoreAsync();
        }
        else
        {
            Names().Should().Equal(names, "what is refused gets no name");
            ForgetWhatWasBegun();
        }

        return line;
    }

    /// <summary>Pulls an image for each forgery of a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="forgeries">The forgeries: their names and the images.</param>
    internal async Task ShouldFindOutAsync(ForgedValue value, IEnumerable<(string Name, ForgedImage Image)> forgeries)
    {
        List<string> wrong = [];
        foreach ((string name, ForgedImage image) in forgeries)
        {
            string? line = await PullAsync(image);
            bool asExpected = value.Harmless.Contains(name) ? line is null : line is not null && Regex.IsMatch(line, value.NamedBy(name));
            if (!asExpected)
            {
                wrong.Add($"{value.Path}, {name}: {line ?? "no error"}");
            }
        }

        wrong.Should().BeEmpty();
    }

    /// <summary>Judges that a truth in the place of each value is refused in words of its own.</summary>
    /// <param name="values">The values.</param>
    /// <param name="forge">Makes the image.</param>
    internal async Task ShouldTellApartAsync(IEnumerable<ForgedValue> values, Func<ForgedValue, IEnumerable<(string Name, ForgedImage Image)>> forge)
    {
        ForgedValue[] told = [.. values.Where(value => !value.Harmless.Contains(Forgery.Truth))];
        Dictionary<string, string> lines = [];
        foreach (ForgedValue value in told)
        {
            lines[value.Path] = (await PullAsync(forge(value).First(forgery => forgery.Name == Forgery.Truth).Image))!;
        }

        lines.Values.Should().OnlyHaveUniqueItems();
        foreach (ForgedValue value in told)
        {
            lines.Where(line => Regex.IsMatch(line.Value, value.Named)).Select(line => line.Key).Should().Equal([value.Path], "of {0}", value.Named);
        }
    }

    /// <summary>Pulls what the registry has now.</summary>
    internal async Task<ObjectId> PullAsync()
    {
        using RegistryImage source = Registry.Open();
        return await PullAsync(source);
    }

    internal async Task<ObjectId> PullAsync(IImageSource source)
    {
        using Dir work = Dir.Open(Work);
        using Repository repository = Repository.Ensure(work, "repo", VerityMode.Optional);
        return (await new ImageImporter(repository, Steps.Silent).ImportAsync(source, default)).ImageId;
    }

    private static string Report(Exception e)
    {
        using StringWriter error = new();
        ErrorReport.Write(error, e);
        string line = error.ToString();
        line.Should().StartWith("error: ").And.NotContain("internal error").And.EndWith("\n");
        line = line.TrimEnd('\n');
        line.Should().NotMatchRegex("[\\x00-\\x1f\\x7f-\\x9f]");
        line.Length.Should().BeLessThan(5000);
        return line;
    }

    private async Task RestoreAsync()
    {
        Directory.Delete(Repo, recursive: true);
        await LabProgram.RunAsync("cp", ["-a", Template, Repo]);
    }

    /// <summary>Layers that were finished are not read again, so that what is forged of them next would not be seen.</summary>
    private void ForgetWhatWasBegun()
    {
        string begun = Path.Join(Repo, "partial");
        if (Directory.Exists(begun))
        {
            Directory.Delete(begun, recursive: true);
        }
    }

    private async Task ShouldBeSoundAsync()
    {
        using StringWriter output = new(), error = new();
        await Program.RunAsync(["internals", "composefs", "fsck", "--repo", Repo], output, error, CancellationToken.None);
        $"{output}{error}".Should().Be("ok\n", "each object is what its name says");
    }

    /// <summary>What has a name in the repository; what was begun has none, and objects get theirs from what they are.</summary>
    private string[] Names() =>
        [.. Files(Repo).Where(file => !file.Path.StartsWith("objects/", StringComparison.Ordinal) && !file.Path.StartsWith("partial", StringComparison.Ordinal))
            .Select(file => $"{file.Path} {file.Info.LinkTarget}").Order(StringComparer.Ordinal)];

    private string[] Around() =>
        [.. Files(_folder.FullName).Where(file => !file.Path.StartsWith("work/repo/", StringComparison.Ordinal) && !file.Path.StartsWith("template/", StringComparison.Ordinal))
            .Select(file => $"{file.Path} {(file.Info is FileInfo ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file.Info.FullName))) : file.Info.LinkTarget)}")
            .Order(StringComparer.Ordinal)];

    private static IEnumerable<(string Path, FileSystemInfo Info)> Files(string folder) =>
        new DirectoryInfo(folder).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Select(info => (Path.GetRelativePath(folder, info.FullName), info));
}
