using System.Runtime.InteropServices;

namespace Bootc.Composefs.Tree;

public abstract partial class Inode
{
    /// <summary>
    /// A directory: names, each once, in byte order. <c>.</c> and <c>..</c> are not among them.
    /// </summary>
    /// <remarks>
    /// Entries are kept in sorted runs of bounded length. A run costs an array element per entry, and inserting moves at most one
    /// run, so neither many small directories nor one directory of 200,000 names filled in random order is expensive.
    /// </remarks>
    public sealed class Directory(Metadata metadata) : Inode(metadata)
    {
        private const int MaxRunLength = 512;

        private readonly List<List<DirectoryEntry>> _runs = [];

        public override FileType Type => FileType.Directory;

        /// <summary>Number of names.</summary>
        public int Count { get; private set; }

        /// <summary>All entries, sorted by the bytes of their names. The directory must not change while this is read.</summary>
        public IEnumerable<DirectoryEntry> Entries
        {
            get
            {
                foreach (List<DirectoryEntry> run in _runs)
                {
                    foreach (DirectoryEntry entry in run)
                    {
                        yield return entry;
                    }
                }
            }
        }

        /// <summary>The inode of that name, or null.</summary>
        public Inode? Find(ReadOnlySpan<byte> name) =>
            Locate(name, out int run, out int index) ? _runs[run][index].Inode : null;

        /// <summary>Gives an inode a name here; whatever had the name is replaced, with everything below it.</summary>
        public void Set(FileName name, Inode inode)
        {
            DirectoryEntry entry = new(name, inode);
            inode._isNamedAgain = inode._isNamed;
            inode._isNamed = true;
            if (Locate(name.Bytes, out int run, out int index))
            {
                _runs[run][index] = entry;
                return;
            }

            if (_runs.Count == 0)
            {
                _runs.Add([]);
            }

            _runs[run].Insert(index, entry);
            Count++;
            if (_runs[run].Count > MaxRunLength)
            {
                Split(run, index);
            }
        }

        /// <summary>Drops a name with everything below it; false if there is none such.</summary>
        public bool Remove(ReadOnlySpan<byte> name)
        {
            if (!Locate(name, out int run, out int index))
            {
                return false;
            }

            _runs[run].RemoveAt(index);
            Count--;
            if (_runs[run].Count == 0)
            {
                _runs.RemoveAt(run);
            }

            return true;
        }

        /// <summary>Drops all names.</summary>
        public void Clear()
        {
            _runs.Clear();
            Count = 0;
        }

        /// <summary>Whether the name exists, and where: its place, or the place it would have.</summary>
        private bool Locate(ReadOnlySpan<byte> name, out int run, out int index)
        {
            // The last run that starts at or before the name.
            int low = 0;
            int high = _runs.Count - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                if (_runs[middle][0].Name.Bytes.SequenceCompareTo(name) <= 0)
                {
                    low = middle;
                }
                else
                {
                    high = middle - 1;
                }
            }

            run = low;
            index = 0;
            if (_runs.Count == 0)
            {
                return false;
            }

            Span<DirectoryEntry> entries = CollectionsMarshal.AsSpan(_runs[run]);
            int end = entries.Length;
            while (index < end)
            {
                int middle = (index + end) / 2;
                int order = entries[middle].Name.Bytes.SequenceCompareTo(name);
                if (order == 0)
                {
                    index = middle;
                    return true;
                }

                if (order < 0)
                {
                    index = middle + 1;
                }
                else
                {
                    end = middle;
                }
            }

            return false;
        }

        private void Split(int run, int lastInserted)
        {
            List<DirectoryEntry> full = _runs[run];

            // Names that come in order leave full runs behind, others halves.
            int at = lastInserted == full.Count - 1 ? full.Count - 1 : full.Count / 2;
            List<DirectoryEntry> rest = full.GetRange(at, full.Count - at);
            full.RemoveRange(at, full.Count - at);
            _runs.Insert(run + 1, rest);
        }
    }
}

/// <summary>A name in a directory and what it names.</summary>
public readonly record struct DirectoryEntry(FileName Name, Inode Inode);
