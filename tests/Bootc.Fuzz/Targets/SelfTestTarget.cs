namespace Bootc.Fuzz.Targets;

/// <summary>A parser that does what none may do, so that tests see that each of it is found. Fuzzed only when asked for.</summary>
internal sealed class SelfTestTarget : FuzzTarget
{
    private readonly List<byte[]> _kept = [];

    public override string Name => Corpus.SelfTest;

    public override IReadOnlyList<Type> Refusals => [typeof(FormatException)];

    public override void Read(byte[] input)
    {
        if (input.AsSpan().SequenceEqual("throw"u8))
        {
            throw new InvalidCastException();
        }

        if (input.AsSpan().SequenceEqual("allocate"u8))
        {
            for (; ; )
            {
                _kept.Add(new byte[1 << 20]);
            }
        }

        if (input.AsSpan().SequenceEqual("recurse"u8))
        {
            Recurse(0);
        }

        while (input.AsSpan().SequenceEqual("spin"u8))
        {
        }

        throw new FormatException();
    }

    private static int Recurse(int depth) => depth == int.MaxValue ? 0 : Recurse(depth + 1) + 1;
}
