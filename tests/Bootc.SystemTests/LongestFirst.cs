using Xunit.Abstractions;

namespace Bootc.SystemTests;

/// <summary>Begins with the classes that take longest, so that none of them is left over at the end, when nothing is beside it any more.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    // What takes more than five minutes; the others fill the gaps.
    private static readonly string[] Long =
    [
        nameof(AutomaticRollbackTests), nameof(UpdateMishapTests), nameof(UpdateWalkTests), nameof(CrashStateTests), nameof(HealthRollbackTests),
        nameof(SmallBootPartitionTests), nameof(SealedUpdateTests), nameof(FilesystemTests), nameof(BoundImageMachineTests), nameof(UpdateTests), nameof(VerityTests),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(Place).ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);

    private static int Place(ITestCollection collection)
    {
        // "Test collection for NAMESPACE.CLASS"
        int place = Array.IndexOf(Long, collection.DisplayName.Split('.')[^1]);
        return place < 0 ? Long.Length : place;
    }
}
