using System.Diagnostics;
using Bootc.Composefs.Store;
using Bootc.Linux;

namespace Bootc.Composefs.Tests.Store;

/// <summary>What an interrupted import leaves is found again, taken for whole only if it is, and removed when nobody goes on with it.</summary>
public sealed class UnfinishedImportTests : IDisposable
{
    private readonly RepositoryFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_stream_is_found_by_the_name_that_it_will_have_and_has_none_before()
    {
        ObjectId stream = Leave("layer");

        using UnfinishedImport import = _fixture.Repository.TryBeginImport()!;
        import.TryFindStream("layer", default).Should().Be(stream);
        import.TryFindStream("another", default).Should().BeNull();
        _fixture.Repository.Streams.TryFind("layer").Should().BeNull();
        Fsck.Run(_fixture.Repository).Should().BeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stream_that_lost_something_is_not_found(bool itself)
    {
        ObjectId stream = Leave("layer");
        File.WriteAllText(_fixture.PathOf(itself ? stream : _fixture.Objects.Ensure("content"u8)), "CONTENT");

        using UnfinishedImport import = _fixture.Repository.TryBeginImport()!;
        import.TryFindStream("layer", default).Should().BeNull();
    }

    [Fact]
    public void One_import_at_a_time_goes_on_with_it()
    {
        using UnfinishedImport import = _fixture.Repository.TryBeginImport()!;

        _fixture.Repository.TryBeginImport().Should().BeNull();
    }

    [Fact]
    public void Nothing_is_left_of_one_that_had_nothing_or_is_done()
    {
        _fixture.Repository.TryBeginImport()!.Dispose();
        Directory.Exists(_fixture["partial"]).Should().BeFalse();

        Leave("layer");
        using (UnfinishedImport import = _fixture.Repository.TryBeginImport()!)
        {
            import.Clear();
        }

        Directory.Exists(_fixture["partial"]).Should().BeFalse();
    }

    [Fact]
    public void A_collection_keeps_what_was_left_today_and_not_what_was_left_last_month()
    {
        Leave("new");
        string[] kept = [.. _fixture.Files()];
        Leave("old", "old content");
        File.WriteAllText(_fixture["partial/sha256:00"], "of a blob");
        Process.Start("touch", ["--no-dereference", "--date=last month", _fixture["partial/old"], _fixture["partial/sha256:00"]]).WaitForExit();

        _fixture.Repository.Dispose();
        using Dir root = Dir.Open(_fixture.Root);
        using Repository alone = Repository.OpenAlone(root, VerityMode.Optional, default);
        GarbageReport report = GarbageCollector.Collect(alone, []);

        _fixture.Files().Should().Equal(kept);
        report.Should().Match<GarbageReport>(r => r.Objects == 2 && r.LeftOvers == 2);
    }

    [Fact]
    public void A_collection_removes_what_got_its_name_since()
    {
        ObjectId stream = Leave("layer");
        Publication publication = _fixture.Repository.BeginPublication();
        publication.AddStream("layer", stream);
        publication.Publish();

        _fixture.Repository.Dispose();
        using Dir root = Dir.Open(_fixture.Root);
        using Repository alone = Repository.OpenAlone(root, VerityMode.Optional, default);
        GarbageCollector.Collect(alone, ["layer"]).LeftOvers.Should().Be(1);
        _fixture.Files().Should().NotContain(file => file.StartsWith("partial"));
    }

    [Fact]
    public void What_was_cut_short_stops_no_collection()
    {
        File.WriteAllText(_fixture.PathOf(Leave("layer")), "");

        _fixture.Repository.Dispose();
        using Dir root = Dir.Open(_fixture.Root);
        using Repository alone = Repository.OpenAlone(root, VerityMode.Optional, default);
        GarbageCollector.Collect(alone, []).Objects.Should().Be(2);
    }

    private ObjectId Leave(string name, string content = "content")
    {
        using SplitStreamWriter stream = new(_fixture.Objects, "ocilayer");
        stream.WriteObject(_fixture.Objects.Ensure(System.Text.Encoding.UTF8.GetBytes(content)), content.Length);
        ObjectId id = stream.Finish();
        using UnfinishedImport import = _fixture.Repository.TryBeginImport()!;
        import.AddStream(name, id);
        return id;
    }
}
