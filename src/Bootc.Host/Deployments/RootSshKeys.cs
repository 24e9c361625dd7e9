using System.Text;
using Bootc.Composefs.Tree;
using Bootc.Host.Configuration;
using Bootc.Host.Images;
using Bootc.Host.Images.Selinux;
using Bootc.Linux;

namespace Bootc.Host.Deployments;

/// <summary>
/// Lets keys log in as root: systemd-tmpfiles(8) writes them to root's home at the first boot, unless there are some already.
/// </summary>
public sealed class RootSshKeys
{
    private const string Folder = "tmpfiles.d";
    private const string FileName = "bootc-root-ssh.conf";

    private const int SizeLimit = 256 << 10;
    private const string HomesOfMachine = "/var/";
    private const string RootSetupConfig = "usr/lib/composefs/setup-root-conf.toml";

    private readonly byte[] _keys;

    private RootSshKeys(byte[] keys) => _keys = keys;

    /// <summary>Reads a file in the format of sshd's <c>authorized_keys</c>.</summary>
    public static RootSshKeys Read(string path)
    {
        using Fd file = Fd.TryOpenRead(path)
            ?? throw new BootcException($"there is no file {path} with authorized keys here; give the container its folder with -v");
        byte[] content = new byte[SizeLimit + 1];
        int length = file.Read(content);
        if (length > SizeLimit)
        {
            throw new BootcException($"{path} has more than the {SizeLimit} bytes that authorized keys may have");
        }

        return Parse(content.AsSpan(0, length), path);
    }

    /// <summary>Takes the content of such a file; one without a key is refused.</summary>
    public static RootSshKeys Parse(ReadOnlySpan<byte> content, string path) =>
        content.Contains((byte)0) || Encoding.Latin1.GetString(content).Split('\n', StringSplitOptions.TrimEntries).All(line => line.Length == 0 || line[0] == '#')
            ? throw new BootcException($"{path} has no authorized key in it")
            : new(content.ToArray());

    /// <summary>
    /// Where an image keeps root's home. Only in /var can it be written, so that <c>/root</c> has to be a link to there.
    /// </summary>
    /// <param name="link">What <c>/root</c> of the image points to; empty where it is no symbolic link.</param>
    public static string HomeOf(ReadOnlySpan<byte> link)
    {
        string home = link.IsEmpty ? "/root" : Path.GetFullPath(Path.Join("/", Encoding.UTF8.GetString(link)));
        return home.StartsWith(HomesOfMachine, StringComparison.Ordinal) && !home.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c is '%' or '"' or '\'' or '\\')
            ? home
            : throw new BootcException($"keys for root cannot be written to {home}/.ssh, which is on the read-only root file system; in the image make /root a link to a directory in /var");
    }

    /// <summary>Refuses an image that runs here and could not let anybody in by the keys, before any disk is touched.</summary>
    public static void RequirePlace(Dir root)
    {
        HomeOf(root.TryReadLink("root"));
        RequireEtc(root.TryReadBytes(RootSetupConfig));
    }

    /// <summary>Refuses an image that does not show the deployment's <c>/etc</c>, which the keys are written to.</summary>
    /// <param name="config">The image's <c>setup-root-conf.toml</c>; null where it has none.</param>
    public static void RequireEtc(ReadOnlyMemory<byte>? config)
    {
        TomlTable? etc = config is { } content ? TomlTable.Parse(content.Span, $"/{RootSetupConfig}").Table("etc") : null;
        string mount = etc?.String("mount") ?? (etc?.Flag("transient") == true ? "transient" : "bind");
        if (mount != "bind")
        {
            throw new BootcException(
                $"keys for root are written to the /etc of the deployment, which this image does not show: [etc] in /{RootSetupConfig} asks for \"{mount}\", and would have to ask for \"bind\"");
        }
    }

    /// <summary>Writes the fragment to a deployment.</summary>
    /// <param name="etc">The deployment's /etc, as it came out of the image.</param>
    /// <param name="image">The image.</param>
    public void WriteTo(Dir etc, ImageFiles image)
    {
        string home = HomeOf(image.Tree.Find("/root") is Inode.Symlink { Target: var target } ? target.Span : []);
        FileContexts? contexts = SelinuxLabels.ReadPolicy(image);
        if (etc.TryMakeDir(Folder))
        {
            Label(Folder, 'd');
        }

        using Dir folder = etc.OpenDir(Folder);
        folder.WriteAtomically(FileName, ToTmpfiles(home));
        Label($"{Folder}/{FileName}", '-');

        void Label(string path, char type)
        {
            if (contexts?.Find($"/etc/{path}", type) is { } label)
            {
                etc.SetXattr(path, label.Name, label.Value);
            }
        }
    }

    /// <summary>The fragment that writes the keys to a home.</summary>
    public string ToTmpfiles(string home) =>
        $"""
        d {home} 0700 root root -
        d {home}/.ssh 0700 root root -
        f~ {home}/.ssh/authorized_keys 0600 root root - {Convert.ToBase64String(_keys)}

        """;
}
