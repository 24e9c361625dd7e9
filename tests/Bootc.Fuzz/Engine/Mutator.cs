using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Bootc.Fuzz.Engine;

/// <summary>Makes an input out of others: the changes of AFL's havoc stage, some of them in units of the format.</summary>
internal sealed class Mutator(Random random, FuzzTarget target)
{
    private const int MaxInserted = 64;
    private const int MaxRepeats = 20_000;

    private static readonly long[] Interesting =
    [
        0, 1, -1, 2, 7, 8, 16, 31, 32, 64, 100, 127, 128, 255, 256, 511, 512, 513, 1000, 1023, 1024, 4095, 4096, 4097, short.MaxValue, ushort.MaxValue,
        1 << 16, 1 << 20, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 36, 1L << 40, long.MaxValue, long.MinValue,
    ];

    private readonly byte[][] _words = [.. target.Words];

    /// <summary>A changed copy of <paramref name="parent"/>, with parts of <paramref name="other"/> perhaps.</summary>
    public byte[] Mutate(byte[] parent, byte[] other)
    {
        List<byte> input = [.. parent];
        for (int changes = 1 << random.Next(6); changes > 0; changes--)
        {
            Change(input, other);
        }

        byte[] bytes = input.Count > FuzzTarget.MaxInput ? [.. input[..FuzzTarget.MaxInput]] : [.. input];
        // Some stay unsealed: what refuses a wrong checksum is code, too.
        return random.Next(8) == 0 ? bytes : target.Seal(bytes);
    }

    private void Change(List<byte> input, byte[] other)
    {
        switch (random.Next(_words.Length > 0 ? 15 : 13))
        {
            case 0 when input.Count > 0:
                input[At(input)] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when input.Count > 0:
                input[At(input)] = (byte)random.Next(256);
                break;
            case 2 when input.Count > 0:
                input[At(input)] = (byte)Interesting[random.Next(Interesting.Length)];
                break;
            case 3:
                PutNumber(input, old => old + random.Next(-35, 36));
                break;
            case 4:
                PutNumber(input, _ => Interesting[random.Next(Interesting.Length)]);
                break;
            case 5:
                (int start, int length) = Piece(input.Count);
                input.RemoveRange(start, length);
                break;
            case 6:
                (start, length) = Piece(input.Count);
                Insert(input, [.. input.GetRange(start, length)]);
                break;
            case 7:
                (start, length) = Piece(input.Count);
                Overwrite(input, [.. input.GetRange(start, length)]);
                break;
            case 8:
                byte filler = (byte)random.Next(256);
                Insert(input, [.. Enumerable.Repeat(filler, random.Next(1, MaxInserted))]);
                break;
            case 9:
                (start, length) = Piece(other.Length);
                Insert(input, other[start..(start + length)]);
                break;
            case 10:
                (start, length) = Piece(other.Length);
                Overwrite(input, other[start..(start + length)]);
                break;
            case 11:
                PutDecimal(input);
                break;
            case 12 when random.Next(8) == 0:
                Repeat(input);
                break;
            case 13:
                Insert(input, _words[random.Next(_words.Length)]);
                break;
            case 14:
                Overwrite(input, _words[random.Next(_words.Length)]);
                break;
        }
    }

    private int At(List<byte> input) => random.Next(input.Count);

    /// <summary>A piece of something that long; half of them cut where the format has its blocks.</summary>
    private (int Start, int Length) Piece(int of)
    {
        if (of == 0)
        {
            return (0, 0);
        }

        int unit = target.Block > 1 && of >= target.Block && random.Next(2) == 0 ? target.Block : 1;
        int start = random.Next(of / unit);
        int most = random.Next(4) == 0 ? (of / unit) - start : Math.Min((of / unit) - start, MaxInserted);
        return (start * unit, random.Next(1, most + 1) * unit);
    }

    private void Insert(List<byte> input, byte[] bytes)
    {
        int at = random.Next(input.Count + 1);
        input.InsertRange(bytes.Length % target.Block == 0 ? at / target.Block * target.Block : at, bytes);
    }

    private void Overwrite(List<byte> input, byte[] bytes)
    {
        int at = random.Next(input.Count + 1);
        at = bytes.Length % target.Block == 0 ? at / target.Block * target.Block : at;
        for (int i = 0; i < bytes.Length && at + i < input.Count; i++)
        {
            input[at + i] = bytes[i];
        }
    }

    private void PutNumber(List<byte> input, Func<long, long> change)
    {
        int size = 1 << random.Next(4);
        if (input.Count < size)
        {
            return;
        }

        int at = random.Next(input.Count - size + 1);
        bool littleEndian = random.Next(2) == 0;
        byte[] number = new byte[sizeof(long)];
        Span<byte> digits = littleEndian ? number.AsSpan(0, size) : number.AsSpan(sizeof(long) - size);
        for (int i = 0; i < size; i++)
        {
            digits[i] = input[at + i];
        }

        long value = littleEndian ? BinaryPrimitives.ReadInt64LittleEndian(number) : BinaryPrimitives.ReadInt64BigEndian(number);
        if (littleEndian)
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, change(value));
        }
        else
        {
            BinaryPrimitives.WriteInt64BigEndian(number, change(value));
        }

        for (int i = 0; i < size; i++)
        {
            input[at + i] = digits[i];
        }
    }

    /// <summary>Puts another number in the place of one that is written in digits.</summary>
    private void PutDecimal(List<byte> input)
    {
        int at = input.FindIndex(input.Count == 0 ? 0 : At(input), b => b is >= (byte)'0' and <= (byte)'9');
        if (at < 0)
        {
            return;
        }

        int end = at;
        while (end < input.Count && input[end] is >= (byte)'0' and <= (byte)'9')
        {
            end++;
        }

        input.RemoveRange(at, end - at);
        long number = Interesting[random.Next(Interesting.Length)];
        input.InsertRange(at, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>Says one thing over and over: what nests, nests deep then.</summary>
    private void Repeat(List<byte> input)
    {
        (int start, int length) = Piece(input.Count);
        byte[] piece = [.. input.GetRange(start, Math.Min(length, 8))];
        int times = random.Next(1, MaxRepeats);
        Insert(input, [.. Enumerable.Repeat(piece, times).SelectMany(p => p)]);
    }
}
