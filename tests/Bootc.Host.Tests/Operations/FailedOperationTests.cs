using Bootc.Linux;

namespace Bootc.Host.Tests.Operations;

/// <summary>
/// Each call of an operation that changes a disk fails in turn: once; from then on, as on a disk that died; or for want of space. The menu is the
/// old or the new one, all that it names is whole, and the machine goes on to what it would have become without the fault, file by file.
/// </summary>
public sealed class FailedOperationTests : InterruptedOperationTests
{
    public static TheoryData<string, Errno, bool> Faults()
    {
        TheoryData<string, Errno, bool> faults = [];
        foreach (string operation in Operations.Keys)
        {
            faults.Add(operation, Errno.EIO, false);
            faults.Add(operation, Errno.EIO, true);
            faults.Add(operation, Errno.ENOSPC, true);
        }

        return faults;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public Task A_write_that_fails_leaves_the_old_or_the_new_machine_whole_and_it_goes_on(string operation, Errno errno, bool goesOn) =>
        FailEachAsync(operation, errno, goesOn, number => number * 2);

    [Theory]
    [Trait("Category", "All")]
    [MemberData(nameof(Faults))]
    public Task Every_single_write_may_fail(string operation, Errno errno, bool goesOn) => FailEachAsync(operation, errno, goesOn, number => number + 1);

    private async Task FailEachAsync(string name, Errno errno, bool goesOn, Func<int, int> next)
    {
        (Func<InterruptedOperationTests, Task> prepare, Func<InterruptedOperationTests, MachineFolders, Task> run) = Operations[name];
        await prepare(this);
        Dictionary<string, string> before = Installed.Entries();
        string[] untouched = WithoutTold(await GoOnAsync(await CloneAsync()));
        MachineFolders done = await CloneAsync();
        await run(this, done);
        Dictionary<string, string> after = done.Entries();
        string[] changed = WithoutTold(await GoOnAsync(done));

        int failures = 0;
        for (int number = 1; ; number = next(number))
        {
            MachineFolders machine = await CloneAsync();
            CallFault fault = new(errno, number, goesOn, machine[""]);
            Exception? failure = await FailingCalls.RunAsync(fault, () => run(this, machine));
            if (fault.First is null)
            {
                break;
            }

            string what = $"call {number} of \"{name}\" failed: {fault.First}; it ended with: {failure?.ToString() ?? "success"}";
            if (failure is not null)
            {
                Failure.IsExpected(failure).Should().BeTrue(what);
                Failure.Describe(failure).Should().MatchRegex(errno == Errno.EIO ? "Input/output error" : "No space left", what);
                failures++;
            }

            OpenFiles(machine).Should().BeEmpty(what);
            ShouldBeOneOf(Lines(machine.Entries()), [Lines(before), Lines(after)], what);
            // What was to be left is written down before the menu changes.
            bool isChanged = !Lines(machine.Entries()).SequenceEqual(Lines(before));
            string[][] wanted = isChanged ? [changed] : [WithoutLeft(untouched), WithoutLeft(changed)];
            ShouldBeWhole(machine, what);
            string[] files = WithoutTold(await GoOnAsync(machine));
            ShouldBeOneOf(isChanged ? files : WithoutLeft(files), wanted, what);
            Forget(machine);
        }

        failures.Should().BePositive();
    }

    private static string[] OpenFiles(MachineFolders machine) =>
        [.. Directory.GetFiles("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget ?? "").Where(path => path.StartsWith(machine[""], StringComparison.Ordinal))];
}
