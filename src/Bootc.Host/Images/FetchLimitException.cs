namespace Bootc.Host.Images;

/// <summary>More of an image is to be fetched than may be. There is nothing wrong with the image: it may be imported another time.</summary>
public sealed class FetchLimitException(string message) : IOException(message);
