using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bootc.Testing.Bench;

/// <summary>Made-up images of very many files, which are all different.</summary>
public static class ManyFiles
{
    private const int FilesPerDirectory = 50;

    /// <summary>Writes an OCI layout.</summary>
    /// <param name="folder">The folder of the layout, which is made.</param>
    /// <param name="entries">Files in all layers together.</param>
    /// <param name="layers">How many layers they are spread over.</param>
    /// <param name="smallOf">One file of so many is so small that it does not become an object; 0 for none.</param>
    public static void WriteLayout(string folder, int entries, int layers = 1, int smallOf = 3)
    {
        LayoutWriter layout = new(folder);
        for (int layer = 0; layer < layers; layer++)
        {
            string tar = Path.Join(folder, "layer.tar");
            using (FileStream output = File.Create(tar))
            using (TarWriter writer = new(output, TarEntryFormat.Ustar))
            {
                WriteLayer(writer, (int)((long)entries * layer / layers), (int)((long)entries * (layer + 1) / layers), smallOf);
            }

            layout.AddLayer(tar);
        }

        layout.Finish();
    }

    /// <summary>Writes an OCI layout of four layers of files of a megabyte, all different, that do not compress.</summary>
    public static void WriteLargeLayout(string folder, int megabytes)
    {
        const int layers = 4;
        LayoutWriter layout = new(folder);
        Random random = new(megabytes);
        byte[] content = new byte[1 << 20];
        for (int layer = 0; layer < layers; layer++)
        {
            string tar = Path.Join(folder, "layer.tar");
            using (FileStream output = File.Create(tar))
            using (TarWriter writer = new(output, TarEntryFormat.Ustar))
            {
                WriteSkeleton(writer);
                for (int file = megabytes * layer / layers; file < megabytes * (layer + 1) / layers; file++)
                {
                    random.NextBytes(content);
                    writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"usr/large-{file}") { DataStream = new MemoryStream(content) });
                }
            }

            layout.AddLayer(tar);
        }

        layout.Finish();
    }

    /// <summary>Writes a dumpfile of a tree as <c>/usr</c> is: mostly files that are objects, some links and directories.</summary>
    public static void WriteDumpfile(string path, int entries)
    {
        using StreamWriter dump = new(path) { NewLine = "\n" };
        dump.WriteLine("/ 4096 40755 3 0 0 0 1700000000.0 - - -");
        string directory = "";
        for (int i = 0; i < entries; i++)
        {
            string time = string.Create(CultureInfo.InvariantCulture, $"{1_700_000_000 + (i % 1000)}.0");
            if (i % FilesPerDirectory == 0)
            {
                directory = $"/directory-{i / FilesPerDirectory:d6}";
                dump.WriteLine($"{directory} 4096 40755 2 0 0 0 {time} - - -");
            }
            else if (i % 10 == 1)
            {
                dump.WriteLine($"{directory}/link-{i:d7} 12 120777 1 0 0 0 {time} ../some-file - -");
            }
            else
            {
                string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes($"{i}")));
                dump.WriteLine($"{directory}/some-file-name-{i:d7} {1000 + i} 100644 1 0 0 0 {time} {digest[..2]}/{digest[2..]} - {digest}");
            }
        }
    }

    private static void WriteLayer(TarWriter writer, int first, int end, int smallOf)
    {
        WriteSkeleton(writer);
        string directory = "";
        for (int i = first; i < end; i++)
        {
            if (i % FilesPerDirectory == 0 || i == first)
            {
                directory = $"usr/directory-{i / FilesPerDirectory:d6}";
                writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, directory));
            }

            bool isSmall = smallOf > 0 && i % smallOf == 0;
            byte[] content = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"{i} ", isSmall ? 2 : 20)));
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"{directory}/some-file-name-{i:d7}.txt")
            {
                DataStream = new MemoryStream(content),
                ModificationTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000 + i),
            });
        }
    }

    /// <summary>The directories that an image must have.</summary>
    private static void WriteSkeleton(TarWriter writer)
    {
        foreach (string path in (string[])["usr", "boot", "sysroot"])
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, path));
        }
    }
}
