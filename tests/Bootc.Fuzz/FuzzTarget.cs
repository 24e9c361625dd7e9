namespace Bootc.Fuzz;

/// <summary>
/// A parser that reads bytes from outside, and what may come of it: a result of which <see cref="Read"/> checks all that can be
/// checked without knowing the input, or one of <see cref="Refusals"/>.
/// </summary>
internal abstract class FuzzTarget : IDisposable
{
    /// <summary>Mutated inputs are cut to this; a long input finds nothing that a short one does not, only later.</summary>
    public const int MaxInput = 24 << 10;

    /// <summary>What a hostile stream may unfold to before the target stops reading.</summary>
    protected const int MaxOutput = 4 << 20;

    /// <summary>The name on the command line and of the folder of the corpus.</summary>
    public abstract string Name { get; }

    /// <summary>The exceptions by which the parser may say that it does not take the input, as its documentation states.</summary>
    public abstract IReadOnlyList<Type> Refusals { get; }

    /// <summary>Words of the format, for the mutator to put in.</summary>
    public virtual IReadOnlyList<byte[]> Words => [];

    /// <summary>The unit in which the format is laid out, for the mutator to cut at.</summary>
    public virtual int Block => 1;

    /// <summary>Parses an input and checks the result; an <see cref="InvariantException"/> where it is not what it has to be.</summary>
    public abstract void Read(byte[] input);

    /// <summary>The input with checksums put right, without which every mutation would end at the first of them.</summary>
    public virtual byte[] Seal(byte[] input) => input;

    public virtual void Dispose()
    {
    }

    protected static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvariantException(what);
        }
    }

    /// <summary>Reads a stream to its end, or as far as anybody has the patience.</summary>
    protected static byte[] Drain(Stream stream)
    {
        using MemoryStream output = new();
        byte[] buffer = new byte[4096];
        for (int read; output.Length < MaxOutput && (read = stream.Read(buffer)) > 0;)
        {
            output.Write(buffer, 0, read);
        }

        return output.ToArray();
    }
}

/// <summary>A parser took an input and made something of it that cannot be right.</summary>
internal sealed class InvariantException(string what) : Exception(what);
