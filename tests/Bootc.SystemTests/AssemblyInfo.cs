// As many as the processors that this is measured on: a guest has one.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerClass, MaxParallelThreads = 2)]
[assembly: TestCollectionOrderer("Bootc.SystemTests.LongestFirst", "Bootc.SystemTests")]
