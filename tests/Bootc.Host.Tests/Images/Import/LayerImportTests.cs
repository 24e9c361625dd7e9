using System.Security.Cryptography;
using System.Text;
using Bootc.Composefs;
using Bootc.Composefs.Store;
using Bootc.Host.Images;
using Bootc.Host.Tests.Operations;
using Bootc.Linux;
using Bootc.Oci;
using Bootc.Oci.Layers;

namespace Bootc.Host.Tests.Images.Import;

/// <summary>Layers that never end, behind one file that becomes an object. Run alone, as what other tests have in memory would count.</summary>
[Collection(AloneCollection.Name)]
public sealed class LayerImportTests : IDisposable
{
    private const int Block = 512;
    private const int Blocks = 512 << 10; // 256 MiB

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bootc-layer");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("headers")]
    [InlineData("zeros")]
    public async Task What_follows_an_object_does_not_stay_in_memory(string what)
    {
        byte[] repeated = what == "zeros" ? new byte[Block] : Header("d/", '5');
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long after = 0;
        using EndlessLayer layer = new([.. Header("f", '0', 100), .. new byte[Block]], repeated, Blocks, () => after = GC.GetTotalMemory(forceFullCollection: true));
        using Dir parent = Dir.Open(_folder.FullName);
        using Repository repository = Repository.Ensure(parent, "repo", VerityMode.Optional);

        await Steps.Silent.RunAsync("Importing", null, meter => new LayerStore(repository).AddAsync(layer, meter, default));

        (after - before).Should().BeLessThan((long)Block * Blocks / 3);
    }

    private static byte[] Header(string name, char type, int size = 0)
    {
        byte[] block = new byte[Block];
        Put(0, name);
        Put(100, "0000755\0" + "0000000\0" + "0000000\0");
        Put(124, Convert.ToString(size, 8).PadLeft(11, '0'));
        Put(136, "00000000000");
        Put(148, "        ");
        block[156] = (byte)type;
        Put(257, "ustar\0" + "00");
        Put(148, Convert.ToString(block.Sum(b => b), 8).PadLeft(6, '0') + "\0 ");
        return block;

        void Put(int offset, string text) => Encoding.ASCII.GetBytes(text).CopyTo(block, offset);
    }

    /// <summary>Some bytes and then a block, over and over; where it has ended something is done before it says so.</summary>
    private sealed class EndlessLayer(byte[] beginning, byte[] block, int blocks, Action atEnd)
        : LayerStream(new DiffId(DigestOf(beginning, block, blocks)), Limits.LayerSize)
    {
        private readonly long _length = beginning.Length + ((long)block.Length * blocks);
        private long _position;

        protected override int ReadTar(Span<byte> buffer)
        {
            if (_position == _length)
            {
                atEnd();
                return 0;
            }

            ReadOnlySpan<byte> next = _position < beginning.Length ? beginning.AsSpan((int)_position) : block.AsSpan((int)(_position % block.Length));
            int read = Math.Min(next.Length, buffer.Length);
            next[..read].CopyTo(buffer);
            _position += read;
            return read;
        }

        private static Digest DigestOf(byte[] beginning, byte[] block, int blocks)
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hash.AppendData(beginning);
            for (int i = 0; i < blocks; i++)
            {
                hash.AppendData(block);
            }

            return Digest.Parse($"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}");
        }
    }
}
