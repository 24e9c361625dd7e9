using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Bootc.Linux;

namespace Bootc.Composefs.Store;

/// <summary>
/// What is known of the 256 folders of objects (specification §2.3), so that not every object costs a system call to find that out:
/// which are there, and what was stored in those that were made here. Any number of threads may use it; that somebody else adds objects does no
/// harm, as the name of one that is there cannot be taken.
/// </summary>
/// <param name="objects">The folder that they are in.</param>
internal sealed class ObjectFolders(Dir objects)
{
    private const long Ambiguous = -1;

    private readonly bool[] _isThere = new bool[256];

    // Lengths by the next bytes of the digests; of two objects that have these in common each is looked for, which is all.
    private readonly Dictionary<long, long>?[] _made = new Dictionary<long, long>?[256];

    /// <summary>False where nothing of that name was stored, so that it need not be looked for.</summary>
    public bool MayHold(ObjectId id)
    {
        if (_made[id.Digest[0]] is not { } known)
        {
            return true;
        }

        lock (known)
        {
            return known.ContainsKey(KeyOf(id));
        }
    }

    /// <summary>Length in bytes of what was stored here; null where that is to be looked for.</summary>
    public long? TrySizeOf(ObjectId id)
    {
        if (_made[id.Digest[0]] is not { } known)
        {
            return null;
        }

        lock (known)
        {
            return known.TryGetValue(KeyOf(id), out long size) && size != Ambiguous ? size : null;
        }
    }

    /// <summary>Makes the folder of an object, unless it is there.</summary>
    public void Ensure(ObjectId id)
    {
        ref bool isThere = ref _isThere[id.Digest[0]];
        if (isThere)
        {
            return;
        }

        if (objects.TryMakeDir(id.ObjectPath[..2]))
        {
            _made[id.Digest[0]] = [];
        }

        isThere = true;
    }

    /// <summary>Says that an object of that length is in its folder.</summary>
    public void Add(ObjectId id, long size)
    {
        if (_made[id.Digest[0]] is { } known)
        {
            lock (known)
            {
                ref long entry = ref CollectionsMarshal.GetValueRefOrAddDefault(known, KeyOf(id), out bool exists);
                entry = exists && entry != size ? Ambiguous : size;
            }
        }
    }

    private static long KeyOf(ObjectId id) => BinaryPrimitives.ReadInt64LittleEndian(id.Digest[1..]);
}
