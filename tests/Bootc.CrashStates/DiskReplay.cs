using Bootc.Testing;

namespace Bootc.CrashStates;

/// <summary>Puts together what a disk held, as two files of a <see cref="Scratch"/>: its boot partition and its root.</summary>
public sealed class DiskReplay
{
    private const int Sector = 512;

    private readonly Recording _recording;
    private readonly Scratch _scratch;
    private readonly string _esp;
    private readonly string _root;
    private int _done;

    private DiskReplay(Recording recording, Scratch scratch, string prefix)
    {
        _recording = recording;
        _scratch = scratch;
        _esp = prefix + Recording.EspFile;
        _root = prefix + Recording.RootFile;
    }

    /// <summary>Starts at what the disk held before the machine first ran.</summary>
    /// <param name="recording">The recording.</param>
    /// <param name="scratch">Where the disk is put together.</param>
    /// <param name="prefix">What the names of its files begin with.</param>
    public static async Task<DiskReplay> StartAsync(Recording recording, Scratch scratch, string prefix = "durable-")
    {
        DiskReplay replay = new(recording, scratch, prefix);
        await LabProgram.RunAsync("cp", ["--sparse=always", Path.Join(recording.Folder, Recording.EspFile), scratch[replay._esp]]);
        await LabProgram.RunAsync("cp", ["--sparse=always", Path.Join(recording.Folder, Recording.RootFile), scratch[replay._root]]);
        return replay;
    }

    /// <summary>Makes files of a state; states come in the order of what is durable in them.</summary>
    /// <param name="state">The state.</param>
    /// <param name="esp">The name of the file for the boot partition.</param>
    /// <param name="root">The name of the file for the root.</param>
    public void Make(CrashState state, string esp, string root)
    {
        if (state.Durable < _done)
        {
            throw new ArgumentException("a disk is not replayed backwards", nameof(state));
        }

        using (Target durable = new(this, _esp, _root))
        {
            for (; _done < state.Durable; _done++)
            {
                durable.Apply(new(_done));
            }
        }

        _scratch.Clone(_esp, esp);
        _scratch.Clone(_root, root);
        using Target copy = new(this, esp, root);
        foreach (LooseWrite write in state.Loose)
        {
            copy.Apply(write);
        }
    }

    private sealed class Target(DiskReplay replay, string esp, string root) : IDisposable
    {
        private readonly (Slice Part, FileStream File)[] _parts =
        [
            (replay._recording.Facts.Esp, Open(replay._scratch[esp])),
            (replay._recording.Facts.Root, Open(replay._scratch[root])),
        ];

        public void Apply(LooseWrite write)
        {
            LoggedRequest request = replay._recording[write.Index];
            if (!request.IsWrite || _parts.FirstOrDefault(part => part.Part.Contains(request.Offset)) is not { File: { } file } target)
            {
                return;
            }

            byte[] content = replay._recording.Read(write.Index);
            for (int at = 0, end; at < content.Length; at = end)
            {
                bool isThere = Reached(at);
                for (end = at + Sector; end < content.Length && Reached(end) == isThere;)
                {
                    end += Sector;
                }

                if (isThere)
                {
                    RandomAccess.Write(file.SafeFileHandle, content.AsSpan(at, end - at), request.Offset - target.Part.Start + at);
                }
            }

            bool Reached(int offset) => write.Sectors is null || write.Sectors[offset / Sector];
        }

        public void Dispose()
        {
            foreach ((_, FileStream file) in _parts)
            {
                file.Dispose();
            }
        }

        private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
    }
}
