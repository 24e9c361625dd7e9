// Machines share two processors, and refusals compare the whole machine before and after.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
