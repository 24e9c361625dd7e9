namespace Bootc.Testing.Vm;

/// <summary>
/// A machine that is booted again and again from the one disk it has, as a real one is, with a network in which this machine is 10.0.2.2.
/// </summary>
public sealed class KeptMachine : IAsyncDisposable
{
    /// <summary>This machine's loopback, as the guest sees it.</summary>
    public const string HostAddress = "10.0.2.2";

    /// <summary>What makes it reboot as a person would have it.</summary>
    public const string Reboot = "systemctl reboot --no-block";

    /// <summary>
    /// What makes it reboot into the update that is staged as if two of its three attempts had failed. There is no variable in it, as
    /// systemd-run would replace that.
    /// </summary>
    public const string RebootIntoTheLastAttempt =
        """bootc composefs-finalize-staged && cd /boot/loader/entries && ls | sed -n "s/\(.*\)+3-0[.]conf/mv & \1+1-2.conf/p" | sh && cd / && systemctl reboot""";

    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan ManyBootsLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(10);

    private readonly string _name;
    private readonly MachineState _state;
    private readonly bool _reboots;
    private RunningGuest _guest;
    private int _boots = 1;

    private KeptMachine(string name, MachineState state, bool reboots, RunningGuest guest)
    {
        _name = name;
        _state = state;
        _reboots = reboots;
        _guest = guest;
    }

    /// <summary>Starts a machine on a copy of another's disk, and waits until it is up.</summary>
    /// <param name="machine">The other one.</param>
    /// <param name="name">What it is for.</param>
    /// <param name="reboots">Whether it reboots by itself as often as it likes; then nothing but <see cref="RebootUntilAsync"/> reboots it.</param>
    public static async Task<KeptMachine> StartAsync(MachineState machine, string name, bool reboots = false)
    {
        MachineState copy = await machine.BranchAsync(Guest.NewFolder(name), CancellationToken.None);
        return new(name, copy, reboots, await BootAsync(copy, reboots, $"{name}-1"));
    }

    /// <summary>Has a copy of a machine go on where it was frozen.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="name">What it is for.</param>
    public static async Task<KeptMachine> ThawAsync(FrozenMachine machine, string name)
    {
        MachineState copy = await machine.State.BranchAsync(Guest.NewFolder(name), CancellationToken.None);
        RunningGuest guest = await RunningGuest.StartAsync(
            [.. await ArgumentsAsync(copy), .. machine.Arguments], Guest.NewFolder($"{name}-1"));
        KeptMachine kept = new(name, copy, reboots: false, guest);
        await kept.WaitForAnswerAsync("true", _ => true);
        return kept;
    }

    /// <summary>Starts a machine on a copy of another's disk, prepares it, and freezes it.</summary>
    /// <param name="machine">The other one.</param>
    /// <param name="name">What it is for.</param>
    /// <param name="prepare">Does something with it.</param>
    public static async Task<FrozenMachine> FreezeAsync(MachineState machine, string name, Func<KeptMachine, Task> prepare)
    {
        KeptMachine kept = await StartAsync(machine, name);
        await using (kept)
        {
            await prepare(kept);
            // What is only in its memory would be lost with the power of every copy.
            await kept.RunAsync("sync");
            await kept.ShutDownAsync();
        }

        string monitor = Path.Join(Path.GetTempPath(), $"bootc-lab-{Guid.NewGuid():N}");
        await using RunningGuest guest = await RunningGuest.BootAsync(
            [.. await ArgumentsAsync(kept._state), .. FrozenMachine.MonitorArguments(monitor)], Guest.NewFolder($"{name}-frozen"));
        return await FrozenMachine.FreezeAsync(guest.Qemu, monitor, kept._state);
    }

    /// <summary>Runs lines of shell as root, whatever comes of it.</summary>
    public Task<GuestAnswer> TryRunAsync(string command) => RunAsync(command, CommandLimit);

    /// <summary>Runs lines of shell as root, which have to succeed, and gives what they printed.</summary>
    public async Task<string> RunAsync(string command)
    {
        GuestAnswer answer = await TryRunAsync(command);
        return answer.ExitCode == 0
            ? answer.Text
            : throw new InvalidOperationException($"{_name}: {command}: exit code {answer.ExitCode}: {answer.Output}{answer.Error}");
    }

    /// <summary>Runs what makes the machine reboot in the end, and waits until it is up again.</summary>
    public async Task RebootAsync(string command = Reboot)
    {
        try
        {
            GuestAnswer answer = await TryRunAsync(command);
            if (answer.ExitCode != 0)
            {
                throw new InvalidOperationException($"{_name}: {command}: exit code {answer.ExitCode}: {answer.Output}{answer.Error}");
            }
        }
        catch (IOException)
        {
            // It was down before it could answer.
        }

        await _guest.Qemu.Exited.WaitAsync(ShutdownLimit);
        await StartAgainAsync();
    }

    /// <summary>
    /// Runs what makes the machine reboot, and leaves it alone until it is up in the state that is waited for, however many boots that takes.
    /// </summary>
    /// <param name="command">What makes it reboot.</param>
    /// <param name="isThere">A command that succeeds in that state.</param>
    public async Task RebootUntilAsync(string command, string isThere)
    {
        int prompts = _guest.LoginPrompts;
        await RunAsync($"systemd-run --quiet sh -c '{command}'");
        for (long began = Environment.TickCount64; Environment.TickCount64 - began < ManyBootsLimit.TotalMilliseconds;)
        {
            // Nothing is sent before the prompt: the boot menu would stop for what the firmware takes for keys.
            await _guest.Qemu.WaitAsync("the next login prompt", () => _guest.LoginPrompts > prompts, ManyBootsLimit);
            prompts = _guest.LoginPrompts;
            if (await AnswersBeforeNextBootAsync(isThere, prompts))
            {
                await _guest.WaitUntilUpAsync();
                return;
            }
        }

        throw new TimeoutException($"{_name}: {isThere}: that did not come about after {command}");
    }

    /// <summary>Runs what makes the machine reboot, and waits until the console shows a text, and then nothing for longer than any reboot waits.</summary>
    /// <param name="command">What makes it reboot.</param>
    /// <param name="last">What the console shows last.</param>
    public async Task RebootUntilItStopsAsync(string command, string last)
    {
        int before = _guest.Qemu.Console.Text.Length;
        await RunAsync($"systemd-run --quiet sh -c '{command}'");
        await _guest.Qemu.WaitAsync(last, () => _guest.Qemu.Console.Text.IndexOf(last, before, StringComparison.Ordinal) >= 0, ManyBootsLimit);
        await Task.Delay(TimeSpan.FromSeconds(5));
        string shown = _guest.Qemu.Console.Text;
        await Task.Delay(TimeSpan.FromSeconds(60));
        if (_guest.Qemu.Console.Text != shown)
        {
            throw new InvalidOperationException($"{_name} did not stop: {_guest.Qemu.Console.Tail()}");
        }
    }

    /// <summary>Whether a command succeeds; false also where the machine goes down before it could answer, and comes up once more.</summary>
    private async Task<bool> AnswersBeforeNextBootAsync(string command, int prompts)
    {
        using CancellationTokenSource answered = new();
        using CancellationTokenSource gone = new();
        Task next = _guest.Qemu.WaitAsync("the next boot", () => _guest.LoginPrompts > prompts, ManyBootsLimit, answered.Token);
        Task<GuestAnswer> answer = _guest.Shell.RunAsync(command, ManyBootsLimit, gone.Token);
        bool isAnswered = await Task.WhenAny(answer, next) == answer;
        await (isAnswered ? answered : gone).CancelAsync();
        try
        {
            await Task.WhenAll(answer, next);
        }
        catch (OperationCanceledException)
        {
            // The one that is not waited for any more.
        }

        return isAnswered && (await answer).ExitCode == 0;
    }

    /// <summary>Runs what makes user space start anew on the same kernel, and waits until it is up.</summary>
    public async Task SoftRebootAsync(string command)
    {
        const string Count = "systemctl show --value -p SoftRebootsCount";
        string before = await RunAsync(Count);
        await RunAsync($"systemd-run --quiet sh -c '{command}'");
        await WaitForAnswerAsync(Count, count => count != before);
    }

    /// <summary>Asks the same until the answer is the one that is waited for: what is sent to the shell while there is none is lost.</summary>
    private async Task WaitForAnswerAsync(string command, Predicate<string> isIt)
    {
        for (long began = Environment.TickCount64; Environment.TickCount64 - began < BootLimit.TotalMilliseconds;)
        {
            try
            {
                GuestAnswer answer = await RunAsync(command, TimeSpan.FromSeconds(10));
                if (answer.ExitCode == 0 && isIt(answer.Text))
                {
                    return;
                }
            }
            catch (TimeoutException)
            {
            }
        }

        throw new TimeoutException($"{_name} did not give the answer that was waited for: {command}");
    }

    /// <summary>Ends the machine as a power cut does, but for what its disk had in its cache, and starts it again.</summary>
    public Task CutPowerAsync() => StartAgainAsync();

    /// <summary>Ends the machine as <see cref="CutPowerAsync"/> does, and leaves it off.</summary>
    /// <returns>The machine as it is then.</returns>
    public async Task<MachineState> KillAsync()
    {
        await _guest.DisposeAsync();
        return _state;
    }

    /// <summary>Shuts the machine down.</summary>
    /// <returns>The machine as it is then.</returns>
    public async Task<MachineState> ShutDownAsync()
    {
        await RunAsync("systemctl poweroff --no-block");
        await _guest.Qemu.Exited.WaitAsync(ShutdownLimit);
        return _state;
    }

    public ValueTask DisposeAsync() => _guest.DisposeAsync();

    private async Task StartAgainAsync()
    {
        await _guest.DisposeAsync();
        _guest = await BootAsync(_state, _reboots, $"{_name}-{++_boots}");
    }

    private Task<GuestAnswer> RunAsync(string command, TimeSpan atMost) => _guest.Shell.RunAsync(command, atMost);

    private static async Task<RunningGuest> BootAsync(MachineState state, bool reboots, string name) =>
        await RunningGuest.BootAsync(await ArgumentsAsync(state), Guest.NewFolder(name), reboots);

    private static async Task<string[]> ArgumentsAsync(MachineState state) =>
        // As real machines do, it has a watchdog, which resets it where somebody feeds it and stops.
        [.. await Guest.ArgumentsAsync(state), "-nic", "user,model=virtio-net-pci", "-device", "i6300esb"];
}
