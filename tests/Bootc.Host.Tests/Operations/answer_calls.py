# Answers for process PID the system calls about which its seccomp filter asks (seccomp_unotify(2)): they go on, or fail as standard input says.
# A line of JSON begins a fault; "null" ends it and is answered by what failed first. A program of its own, for a runtime may make such a call
# while it holds all its threads, and nothing in it could answer then.
import ctypes, errno, fcntl, json, os, select, struct, sys, time

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
    own = "/proc/self/fd/"
    if name.startswith(own):
        number, _, rest = name[len(own):].partition("/")
        return os.path.join(link(thread, number), rest) if rest else link(thread, number)
    return name if name.startswith("/") or folder < 0 else os.path.join(link(thread, folder), name)


def path_of(thread, where, arguments):
    if where == "fd":
        return link(thread, arguments[0])
    if where == "path":
        return resolve(thread, read_text(thread, arguments[0]))
    if where == "second path":
        return resolve(thread, read_text(thread, arguments[1]))
    folder = ctypes.c_int32(arguments[where - 1] & 0xFFFFFFFF).value
    return resolve(thread, read_text(thread, arguments[where]), folder)


class Fault:
    def __init__(self, folder, errno, start, goes_on):
        self.folder, self.errno, self.start, self.goes_on = folder, errno, start, goes_on
        self.seen, self.first = 0, None

    def hits(self, name, path):
        if not path.startswith(self.folder):
            return False
        self.seen += 1
        hits = self.seen >= self.start if self.goes_on else self.seen == self.start
        if not hits or self.errno == errno.ENOSPC and name in NEED_NO_ROOM:
            return False
        self.first = self.first or f"{name} {path[len(self.folder):]}"
        return True


def answer(listener, fault):
    asked = bytearray(80)
    try:
        fcntl.ioctl(listener, RECEIVE, asked)
        identity, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", asked)
        name, where = CALLS[number]
        fails = fault is not None and fault.hits(name, path_of(thread, where, arguments))
        reply = struct.pack("=QqiI", identity, 0, -fault.errno if fails else 0, 0 if fails else CONTINUE)
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
            print(json.dumps(fault and fault.first), flush=True)
            fault = asked and Fault(**asked)


main()
