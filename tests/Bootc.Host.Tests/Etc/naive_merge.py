# Merges FOLDER/{pristine,current,next} into FOLDER/judged by asking of every path anew what has to become of it; prints the paths that
# cannot be merged, and then merges nothing. Written from the rules of upstream's merge, apart from the code it judges.
import os, shutil, stat, sys

folder = sys.argv[1]
P, C, N, M = (os.path.join(folder, name) for name in ("pristine", "current", "next", "judged"))


def kind(root, path):
    try:
        mode = os.lstat(os.path.join(root, path)).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return "dir" if stat.S_ISDIR(mode) else "leaf"


def attributes(root, path):
    full = os.path.join(root, path)
    s = os.lstat(full)
    return (stat.S_IFMT(s.st_mode), stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid,
            {n: os.getxattr(full, n, follow_symlinks=False) for n in os.listxattr(full, follow_symlinks=False)})


def content(root, path):
    full = os.path.join(root, path)
    if os.path.islink(full):
        return os.readlink(full)
    with open(full, "rb") as f:
        return f.read()


def paths(*roots):
    found = set()
    for root in roots:
        for at, dirs, files in os.walk(root):
            found |= {os.path.relpath(os.path.join(at, name), root) for name in dirs + files}
    return sorted(found)


def under_real_dirs(root, path):
    # A path below a symbolic link is not a path of the tree.
    parts = path.split("/")[:-1]
    return all(kind(root, "/".join(parts[: i + 1])) == "dir" for i in range(len(parts)))


def state(root, path):
    return kind(root, path) if under_real_dirs(root, path) else None


def changed(path):
    p, c = state(P, path), state(C, path)
    if c is None:
        return p is not None
    if p != c or attributes(P, path) != attributes(C, path):
        return True
    return c == "leaf" and content(P, path) != content(C, path)


everything = paths(P, C)
changes = [path for path in everything if changed(path)]
kept = [path for path in changes if state(C, path) is not None]

conflicts = set()
for path in everything:
    p, c, n = state(P, path), state(C, path), state(N, path)
    if c == "leaf" and path in kept and n == "dir":
        conflicts.add(path)
    if c == "dir" and n == "leaf" and p != "leaf":
        if path in changes or any(other.startswith(path + "/") for other in changes):
            conflicts.add(path)

for path in sorted(conflicts, key=lambda p: p.split("/")):
    print(path)
if conflicts:
    sys.exit(0)


def remove(full):
    if os.path.islink(full) or os.path.isfile(full):
        os.unlink(full)
    elif os.path.isdir(full):
        shutil.rmtree(full)


def take_directory(path):
    full = os.path.join(M, path)
    if not os.path.isdir(full) or os.path.islink(full):
        remove(full)
        os.mkdir(full)
    shutil.copystat(os.path.join(C, path), full)


shutil.copytree(N, M, symlinks=True)
for path in kept:
    parts = path.split("/")
    for i in range(1, len(parts)):
        above = "/".join(parts[:i])
        full = os.path.join(M, above)
        if not os.path.isdir(full) or os.path.islink(full):
            take_directory(above)
    if state(C, path) == "dir":
        take_directory(path)
    else:
        full = os.path.join(M, path)
        remove(full)
        shutil.copy2(os.path.join(C, path), full, follow_symlinks=False)
for path in changes:
    if state(C, path) is None and under_real_dirs(M, path):
        remove(os.path.join(M, path))
