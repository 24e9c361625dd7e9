using Bootc.Linux;
using Bootc.Oci.Layers;

namespace Bootc.Oci.Tests.Sources;

/// <summary>Reads a layer as an importer does that keeps larger contents as files.</summary>
internal static class StoredFiles
{
    /// <summary>Takes all contents that can be had as files; <paramref name="store"/> is what the copy makes of the bytes.</summary>
    public static List<string> TakeAll(LayerStream layer, Func<byte[], byte[]> store)
    {
        TarReader reader = new(layer);
        List<string> taken = [];
        while (reader.TryReadEntry(out TarEntry? entry))
        {
            using Fd? file = layer.TryTakeContentFile(entry.Size);
            if (file is not null)
            {
                reader.ContentWasTaken();
                byte[] content = new byte[entry.Size];
                file.Read(content).Should().Be(content.Length);
                layer.AccountTaken(store(content));
                taken.Add(entry.ToString());
            }
        }

        byte[] trailer = new byte[4096];
        while (reader.ReadTrailer(trailer) > 0)
        {
        }

        return taken;
    }
}
