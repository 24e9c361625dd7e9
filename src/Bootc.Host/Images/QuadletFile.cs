using System.Text;
using Bootc.Oci;

namespace Bootc.Host.Images;

/// <summary>
/// As much as bootc reads of a quadlet, podman's unit files (podman-systemd.unit(5)): the image that it names.
/// </summary>
public static class QuadletFile
{
    /// <summary>Ends the names of files of images.</summary>
    public const string ImageExtension = ".image";

    /// <summary>Ends the names of files of containers.</summary>
    public const string ContainerExtension = ".container";

    /// <summary>Finds the image that a quadlet names; where it names none that can be fetched, that is a <see cref="FormatException"/>.</summary>
    /// <param name="content">The content of the file.</param>
    /// <param name="extension"><see cref="ImageExtension"/> or <see cref="ContainerExtension"/>.</param>
    public static string ParseImage(ReadOnlySpan<byte> content, string extension)
    {
        string section = extension == ImageExtension ? "[Image]" : "[Container]";
        Dictionary<string, string> keys = ReadSection(Encoding.UTF8.GetString(content), section);
        if (extension == ImageExtension && keys.GetValueOrDefault("AuthFile") is { Length: > 0 })
        {
            throw new FormatException("AuthFile= cannot be used here, since logins of bootc's own auth files count (/etc/ostree/auth.json); leave it out");
        }

        string value = keys.GetValueOrDefault("Image") is { Length: > 0 } image
            ? Unescape(image)
            : throw new FormatException($"there is no Image= in {section}");
        if (extension == ContainerExtension && (value.EndsWith(ImageExtension, StringComparison.Ordinal) || value.EndsWith(".build", StringComparison.Ordinal)))
        {
            throw new FormatException($"Image={value} names a unit and no image; bind a file {ImageExtension} instead");
        }

        return ImageName.TryParse(value, out _) ? value : throw new FormatException($"Image={value} is not the name of an image");
    }

    /// <summary>The keys of a section, by the syntax of systemd.syntax(7); of a key that is there several times, the last value.</summary>
    private static Dictionary<string, string> ReadSection(string text, string wanted)
    {
        Dictionary<string, string> keys = new(StringComparer.Ordinal);
        bool isWanted = false;
        StringBuilder begun = new();
        foreach (string line in text.Split('\n').Append("").Select(line => line.Trim()))
        {
            if (line is ['#' or ';', ..])
            {
                continue; // also in the middle of a value
            }

            if (line is [.. var beginning, '\\'])
            {
                begun.Append(beginning).Append(' ');
                continue;
            }

            string whole = begun.Append(line).ToString();
            begun.Clear();

            if (whole is ['[', ..])
            {
                isWanted = whole == wanted;
            }
            else if (isWanted && whole.Split('=', 2, StringSplitOptions.TrimEntries) is [var key, var value])
            {
                keys[key] = value;
            }
        }

        return keys;
    }

    // What systemd would put in place of a specifier depends on the machine, and is not known where the image is bound.
    private static string Unescape(string value) =>
        value.Replace("%%", "", StringComparison.Ordinal).Contains('%', StringComparison.Ordinal)
            ? throw new FormatException($"Image={value} has a specifier of systemd in it, and those cannot be used here; write the name of the image out")
            : value.Replace("%%", "%", StringComparison.Ordinal);
}
