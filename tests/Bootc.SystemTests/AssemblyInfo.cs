// Machines share two processors, and refusals compare the whole machine before and after. Pulls leave it alone and mostly wait: those that say so are beside.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly, MaxParallelThreads = -1)]
