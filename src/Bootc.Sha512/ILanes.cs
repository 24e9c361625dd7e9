namespace Bootc.Sha512;

/// <summary>Vectors of 64-bit numbers, and the functions of FIPS 180-4, section 4.1.3, of all their elements.</summary>
/// <typeparam name="TVector">The vector.</typeparam>
internal interface ILanes<TVector>
{
    /// <summary>Elements of a vector.</summary>
    static abstract int Count { get; }

    static abstract TVector Create(ulong value);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Ch(TVector x, TVector y, TVector z);

    static abstract TVector Maj(TVector x, TVector y, TVector z);

    static abstract TVector BigSigma0(TVector x);

    static abstract TVector BigSigma1(TVector x);

    static abstract TVector SmallSigma0(TVector x);

    static abstract TVector SmallSigma1(TVector x);

    /// <summary>Sixteen words of each block: the word of all of them in one vector.</summary>
    /// <param name="blocks">As many blocks as there are elements, from the first of these words on.</param>
    /// <param name="words">Gets the words.</param>
    static abstract void Load(ReadOnlySpan<byte> blocks, Span<TVector> words);
}
