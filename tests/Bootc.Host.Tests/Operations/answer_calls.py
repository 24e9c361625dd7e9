# Answers for process PID the system calls about which its seccomp filter asks (seccomp_unotify(2)): they go on, or fail as standard input says.
# A line of JSON begins a fault, or a power cut if it says at which sync; "null" ends it and is answered by what failed first, and by the kinds of all
# calls that counted. A program of its own, for a runtime may make such a call while it holds all its threads, and nothing in it could answer then.
import ctypes, errno, fcntl, json, os, select, stat, struct, sys, time

pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)

RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1
AT_FDCWD = -100

# x86-64: the name of a call, and which argument is a descriptor or a path; a path after a descriptor is relative to it.
CALLS = {
    1: ("write", "fd"),
    18: ("pwrite64", "fd"),
    77: ("ftruncate", "fd"),
    285: ("fallocate", "fd"),
    74: ("fsync", "fd"),
    75: ("fdatasync", "fd"),
    306: ("syncfs", "fd"),
    16: ("ioctl", "fd"),  # FICLONE and FS_IOC_ENABLE_VERITY, no others
    326: ("copy_file_range", "third"),
    258: ("mkdirat", 1),
    259: ("mknodat", 1),
    263: ("unlinkat", 1),
    266: ("symlinkat", 2),
    265: ("linkat", 3),
    264: ("renameat", 3),
    316: ("renameat2", 3),
    268: ("fchmodat", 1),
    452: ("fchmodat2", 1),
    260: ("fchownat", 1),
    280: ("utimensat", 1),
    257: ("openat", 1),
    189: ("lsetxattr", "path"),
    198: ("lremovexattr", "path"),
    83: ("mkdir", "path"),
    87: ("unlink", "path"),
    84: ("rmdir", "path"),
    82: ("rename", "second path"),
}

# A full disk still takes what needs no new block.
SYNCS = {"fsync", "fdatasync", "syncfs"}
NEED_NO_ROOM = {"fsync", "fdatasync", "syncfs", "unlinkat", "unlink", "rmdir", "fchmodat", "fchownat", "utimensat", "lremovexattr"}


def find_listener():
    while True:
        for number in os.listdir(f"/proc/{pid}/fd"):
            if link(pid, number).endswith("seccomp notify"):
                process = os.pidfd_open(pid)
                taken = libc.syscall(438, process, int(number), 0)
                if taken < 0:
                    raise OSError(ctypes.get_errno(), "pidfd_getfd")
                return taken
        time.sleep(0.005)


def link(thread, descriptor):
    try:
        return os.readlink(f"/proc/{thread}/fd/{descriptor}")
    except OSError:
        return ""


def read_text(thread, address):
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(4096).split(b"\0")[0].decode("utf-8", "surrogateescape")


def resolve(thread, name, folder=AT_FDCWD):
    """A path, and where to ask what it is on."""
    own = "/proc/self/fd/"
    if name.startswith(own):
        number, _, rest = name[len(own):].partition("/")
        return os.path.join(link(thread, number), rest) if rest else link(thread, number), f"/proc/{thread}/fd/{number}"
    if name.startswith("/"):
        return name, os.path.dirname(name)
    return (name, f"/proc/{thread}/cwd") if folder < 0 else (os.path.join(link(thread, folder), name), f"/proc/{thread}/fd/{folder}")


def path_of(thread, where, arguments):
    if where in ("fd", "third"):
        number = arguments[0 if where == "fd" else 2]
        return link(thread, number), f"/proc/{thread}/fd/{number}"
    if where == "path":
        return resolve(thread, read_text(thread, arguments[0]))
    if where == "second path":
        return resolve(thread, read_text(thread, arguments[1]))
    folder = ctypes.c_int32(arguments[where - 1] & 0xFFFFFFFF).value
    return resolve(thread, read_text(thread, arguments[where]), folder)


def disk_of(place):
    """The file of the loop device that something is, or is on."""
    try:
        status = os.stat(place)
        number = status.st_rdev if stat.S_ISBLK(status.st_mode) else status.st_dev
        device = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    except OSError:
        return ""
    for folder in (device, os.path.dirname(device)):
        try:
            with open(f"{folder}/loop/backing_file") as file:
                return file.read().strip()
        except OSError:
            pass
    return ""


def kind_of(thread, name):
    """The call, after the program that makes it where that is another one."""
    if os.path.exists(f"/proc/{pid}/task/{thread}"):
        return name
    return f"{os.path.basename(os.readlink(f'/proc/{thread}/exe'))} {name}"


class Fault:
    def __init__(self, folder, errno, start, goes_on, kind, on_disks):
        self.folder, self.errno, self.start, self.goes_on, self.kind, self.on_disks = folder, errno, start, goes_on, kind, on_disks
        self.first, self.kinds = None, []

    def answer(self, thread, name, path, place):
        """The errno that a call ends with without being made; None for one that is made."""
        if not path.startswith(self.folder) and not (self.on_disks and disk_of(place).startswith(self.folder)):
            return None
        kind = kind_of(thread, name)
        if self.kind not in (None, kind):
            return None
        self.kinds.append(kind)
        seen = len(self.kinds)
        hits = seen >= self.start if self.goes_on else seen == self.start
        if not hits or self.errno == errno.ENOSPC and name in NEED_NO_ROOM:
            return None
        self.first = self.first or f"{kind} {path.removeprefix(self.folder)}"
        return self.errno


class PowerCut:
    """Of the syncs of a disk one is passed over, and before another nothing in the folder changes any more."""

    def __init__(self, folder, disk, skipped, at):
        self.folder, self.disk, self.skipped, self.at = folder, disk, skipped, at
        self.first, self.kinds = None, []

    def answer(self, thread, name, path, place):
        if not path.startswith(self.folder):
            return None
        if self.first:
            return errno.EIO
        if name not in SYNCS or not path.startswith(self.disk):
            return None
        self.kinds.append(f"{name} {path.removeprefix(self.folder)}")
        if len(self.kinds) == self.at:
            self.first = self.kinds[-1]
            return errno.EIO
        return 0 if len(self.kinds) == self.skipped else None


def answer(listener, fault):
    asked = bytearray(80)
    try:
        fcntl.ioctl(listener, RECEIVE, asked)
        identity, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", asked)
        name, where = CALLS[number]
        error = None if fault is None else fault.answer(thread, name, *path_of(thread, where, arguments))
        reply = struct.pack("=QqiI", identity, 0, -(error or 0), CONTINUE if error is None else 0)
        fcntl.ioctl(listener, SEND, bytearray(reply))
    except FileNotFoundError:
        pass  # The thread was killed meanwhile.


def main():
    listener, fault = find_listener(), None
    print("ready", flush=True)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(sys.stdin, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener:
                answer(listener, fault)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            asked = json.loads(line)
            print(json.dumps(fault and {"First": fault.first, "Kinds": fault.kinds}), flush=True)
            fault = asked and (PowerCut if "at" in asked else Fault)(**asked)


main()
