using System.Text;
using Bootc.Oci.Sources;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Bootc.Oci.Tests.Sources;

public sealed class TarSplitReaderTests
{
    private const string Sample =
        "{\"type\":2,\"payload\":\"Li9ldGMv\",\"position\":0}\n"
        + "{\"type\":1,\"name\":\"./etc/x\",\"size\":3,\"payload\":\"YUmYEAAAAAA=\",\"position\":1}\n"
        + "{\"type\":1,\"name_raw\":\"Li9ldGMvbGF0aW4t6Q==\",\"payload\":null,\"position\":2}\n";

    [Fact]
    public void Reads_segments_and_files()
    {
        List<TarSplitRecord> records = Read(Sample);

        records.Select(record => (record.Type, record.Size)).Should().Equal((2, 0), (1, 3), (1, 0));
        records[0].Payload.Should().Equal("./etc/"u8.ToArray());
        records[2].NameRaw.Should().Equal([.. "./etc/latin-"u8, 0xE9]);
    }

    [Theory]
    [InlineData("\"type\":2", "\"type\":3", "*unknown or misplaced record after 0: it has the unknown type 3")]
    [InlineData("\"position\":1", "\"position\":2", "*unknown or misplaced record after 1: it has position 2")]
    [InlineData("\"size\":3", "\"size\":-3", "*unknown or misplaced record after 1: it has a size of -3 bytes")]
    [InlineData("\"size\":3", "\"size\":99999999999999999999", "*malformed at $.size")]
    [InlineData("Li9ldGMv\"", "Li9l?\"", "*malformed at $.payload")]
    [InlineData("0}\n", "0}", "*malformed at*")]
    [InlineData("\"position\":2}\n", "\"position\":2}", "*cut short")]
    [InlineData("{\"type\":2", "null\n{\"type\":2", "its tar-split data is null")]
    public void Refuses_records_that_cannot_be(string old, string replacement, string message) =>
        FluentActions.Invoking(() => Read(Sample.Replace(old, replacement))).Should().Throw<InvalidDataException>().WithMessage(message);

    [Fact]
    public void Refuses_a_line_without_end() =>
        FluentActions.Invoking(() => Read(new string(' ', Limits.TarSplitLine * 2))).Should().Throw<InvalidDataException>()
            .WithMessage("its tar-split data has a line of more than 8388608 bytes");

    [Property(MaxTest = 500)]
    public Property Any_change_is_read_or_refused() =>
        Prop.ForAll(Gen.Choose(0, Sample.Length - 1).Zip(Gen.Choose(0, 255)).ListOf().ToArbitrary(), changes =>
        {
            byte[] bytes = Encoding.ASCII.GetBytes(Sample);
            foreach ((int at, int value) in changes)
            {
                bytes[at] = (byte)value;
            }

            try
            {
                Read(Encoding.Latin1.GetString(bytes));
            }
            catch (InvalidDataException)
            {
            }
        });

    private static List<TarSplitRecord> Read(string lines)
    {
        using TarSplitReader reader = new(new MemoryStream(Encoding.Latin1.GetBytes(lines)));
        List<TarSplitRecord> records = [];
        while (reader.ReadNext() is { } record)
        {
            records.Add(record);
        }

        return records;
    }
}
