namespace Bootc.Host;

/// <summary>Tells failures a user can act on from mistakes in this program.</summary>
public static class Failure
{
    /// <summary>Whether an exception describes the world (a file, a disk, an image, another program) rather than a bug.</summary>
    public static bool IsExpected(Exception failure) => failure switch
    {
        BootcException or IOException or FormatException or UnauthorizedAccessException or InvalidDataException => true,
        TimeoutException => true,
        AggregateException many => many.InnerExceptions.All(IsExpected),
        _ => false,
    };
}
