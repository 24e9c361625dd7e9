namespace Bootc.SystemTests;

/// <summary>A registry with two walks of machines, which go on beside each other; a test waits for its own.</summary>
public abstract class TwoWalks : IAsyncLifetime
{
    private UpdateLab? _lab;

    public Task First { get; private set; } = Task.CompletedTask;

    public Task Second { get; private set; } = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _lab = await UpdateLab.StartAsync();
        First = WalkFirstAsync(_lab);
        Second = WalkSecondAsync(_lab);
    }

    public async Task DisposeAsync()
    {
        await Task.WhenAny(Task.WhenAll(First, Second));
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
    }

    protected abstract Task WalkFirstAsync(UpdateLab lab);

    protected abstract Task WalkSecondAsync(UpdateLab lab);
}
