using System.Text;
using Bootc.Host.Images.Selinux;

namespace Bootc.Fuzz.Targets;

/// <summary>The SELinux policy of an image, whose regular expressions are matched against its paths.</summary>
internal sealed class FileContextsTarget : FuzzTarget
{
    private static readonly (string Path, char Type)[] Subjects =
        [("/", 'd'), ("/usr/bin/bash", '-'), ("/etc/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 'l'), ("/dev/null", 'c'), ("/var/\u00ff.x_y", '-')];

    public override string Name => "file-contexts";

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "/.*", "(/.*)?", "[^/]+", "[[:alpha:]]", "[[:", ":]", "\\d", "\\w", "(?:", "(?=", "(?<a>", "\\1", "{1,3}", "{1000}", "|", "^", "$", " -- ", " -d ", "<<none>>", "system_u:object_r:bin_t:s0\n", "#",
        }.Select(Encoding.Latin1.GetBytes),
    ];

    public override void Read(byte[] input)
    {
        FileContexts contexts = new();
        contexts.AddRules(input, "file_contexts");
        foreach ((string path, char type) in Subjects)
        {
            contexts.Find(path, type);
        }
    }
}
