using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Bootc.Host.Operations;

namespace Bootc.Rendering;

/// <summary>An image as <c>bootc image list</c> shows it; upstream's names.</summary>
/// <param name="ImageType"><see cref="HostType"/> or <see cref="BoundType"/>.</param>
/// <param name="Image">Its name.</param>
internal sealed record ListedImage(string ImageType, string Image)
{
    /// <summary>The image of a deployment.</summary>
    public const string HostType = "host";

    /// <summary>An image that one of those binds.</summary>
    public const string BoundType = "logical";
}

/// <summary>The list of <c>bootc image list</c>, as a table or as JSON.</summary>
internal static class ImageListing
{
    private const string ImageColumn = "REPOSITORY";

    /// <summary>The images of a type, or of all types where it is null.</summary>
    public static ImmutableArray<ListedImage> Select(ImageList list, string? type) =>
    [
        .. (list.Host ?? []).Select(reference => new ListedImage(ListedImage.HostType, StatusText.Name(reference)))
            .Concat(list.Bound.Select(name => new ListedImage(ListedImage.BoundType, name)))
            .Where(image => type is null || image.ImageType == type),
    ];

    public static string RenderJson(ImmutableArray<ListedImage> images) => JsonSerializer.Serialize([.. images], ImageListingJson.Default.ListedImageArray) + "\n";

    public static string RenderTable(ImmutableArray<ListedImage> images)
    {
        (string Image, string Type)[] rows = [(ImageColumn, "TYPE"), .. images.Select(image => (PlainLine.Of(image.Image), image.ImageType))];
        int width = rows.Max(row => row.Image.Length);
        return string.Concat(rows.Select(row => $"{row.Image.PadRight(width)}  {row.Type}\n"));
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ListedImage[]))]
internal sealed partial class ImageListingJson : JsonSerializerContext;
