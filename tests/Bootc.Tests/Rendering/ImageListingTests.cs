using Bootc.Host.Operations;
using Bootc.Oci;
using Bootc.Rendering;

namespace Bootc.Tests.Rendering;

public sealed class ImageListingTests
{
    private static readonly ImageList List = new(
        [ImageReference.Parse("docker://a.example/os:1"), ImageReference.Parse("oci:/var/os")], ["a.example/app:1"], []);

    [Fact]
    public void People_see_a_table() => ImageListing.RenderTable(ImageListing.Select(List, type: null)).Should().Be(
        """
        REPOSITORY       TYPE
        a.example/os:1   host
        oci:/var/os      host
        a.example/app:1  logical

        """);

    [Fact]
    public void Programs_see_the_names_of_upstream() => ImageListing.RenderJson(ImageListing.Select(List, ListedImage.BoundType)).Should().Be(
        """
        [
          {
            "image_type": "logical",
            "image": "a.example/app:1"
          }
        ]

        """);

    [Fact]
    public void Only_one_type_is_listed_where_one_is_wanted() =>
        ImageListing.Select(List, ListedImage.HostType).Select(image => image.Image).Should().Equal("a.example/os:1", "oci:/var/os");
}
