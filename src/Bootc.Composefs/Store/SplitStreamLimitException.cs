namespace Bootc.Composefs.Store;

/// <summary>A splitstream would have more references than its readers take.</summary>
public sealed class SplitStreamLimitException(string message) : Exception(message);
