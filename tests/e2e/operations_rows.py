"""The table: an operation, and exactly what fimd tells of it. Knows nothing of fimd; operations holds the two together.

A row has a directory `d`, which is watched, and one beside it, `o`, which is not, on the same file system. Its events:

    "created n"                        n is new
    "updated f: content size mtime"    fimd.changes; ctime moves with each of them and is left out
    "moved g < f"                      file.Ext.original.path
    "deleted f > OUT/f"                fimd.moved_to: a move out of what is watched
    "attributes_modified? f: mode"     may be an event of its own or be in the one before: the kernel does not say when
                                       a tool is through with a file that it has closed

`scan` is what a scan finds afterwards, because fanotify does not tell it.
"""
import ctypes
import fcntl
import mmap
import os
import pty
import shutil
import socket
import stat
import subprocess
import time

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_EMPTY_PATH, RENAME_EXCHANGE, RENAME_NOREPLACE = -100, 0x1000, 2, 1
FICLONE = 0x40049409
REWRITTEN = "content size mtime"
REPLACED = "content size mtime inode"

ROWS = []


class Row:
    """One operation."""

    def __init__(self, name, act, events, prep=None, scan=(), only=(), without=(), audit="audit", euid=0, pid=True):
        self.name, self.act, self.events, self.prep, self.scan = name, act, list(events), prep, list(scan)
        self.only, self.without, self.audit, self.euid, self.pid = only, without, audit, euid, pid
        self.held = []

    def on(self, kind):
        """Can this file system do it?"""
        return (not self.only or kind in self.only) and kind not in self.without


def row(*args, **kw):
    ROWS.append(Row(*args, **kw))


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def put(path, text="before\n", flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o644):
    fd = os.open(path, flags, mode)
    os.write(fd, text.encode() if isinstance(text, str) else text)
    os.close(fd)


def have(*names):
    """A preparation: files, and directories where a name ends with a slash."""
    def prep(r):
        for name in names:
            path = f"{r.d}/{name}" if not name.startswith("OUT/") else f"{r.o}/{name[4:]}"
            os.makedirs(path if name.endswith("/") else os.path.dirname(path), exist_ok=True)
            if not name.endswith("/"):
                put(path, f"{name} before\n")
                os.utime(path, ns=(10**18, 10**18 + sum(name.encode())))  # each another: what is moved brings its own
    return prep


def held(name, flags=os.O_RDWR):
    """A preparation: a file that is open already when fimd starts."""
    def prep(r):
        put(f"{r.d}/{name}")
        r.held.append(os.open(f"{r.d}/{name}", flags))
    return prep


def shell(script):
    """An action: a shell script in the row's directory; $O is the one beside it."""
    def act(r):
        subprocess.run(["sh", "-ec", script], cwd=r.d, env={**os.environ, "O": r.o}, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return act


def tool(name):
    return shutil.which(name) is not None


def opened(flags, then=None, name="f", mode=0o644):
    """An action: opens, does something with the descriptor, closes."""
    def act(r):
        fd = os.open(f"{r.d}/{name}", flags, mode)
        if then:
            then(fd)
        os.close(fd)
    return act


def paths(call, *names):
    """An action: a call with paths of the row."""
    def act(r):
        call(*[f"{r.o}/{n[4:]}" if n.startswith("OUT/") else f"{r.d}/{n}" for n in names])
    return act


def renameat2(old, new, flags):
    checked(libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


# ---- content ----

WRITE = os.O_WRONLY
row("create and write", opened(WRITE | os.O_CREAT, lambda fd: os.write(fd, b"x"), "n"), ["created n"])
row("create empty", opened(WRITE | os.O_CREAT, None, "n"), ["created n"])
row("create read-only", opened(os.O_RDONLY | os.O_CREAT, None, "n"), ["created n"])
row("open for writing, write nothing", opened(WRITE), [], have("f"))
row("open read-write, read", opened(os.O_RDWR, lambda fd: os.read(fd, 9)), [], have("f"))
row("overwrite", opened(WRITE, lambda fd: os.write(fd, b"quite another text\n")), [f"updated f: {REWRITTEN}"], have("f"))
row("overwrite with as many bytes", opened(WRITE, lambda fd: os.write(fd, b"g")), ["updated f: content mtime"], have("f"))
row("overwrite with the same", opened(WRITE, lambda fd: os.write(fd, b"f")), ["attributes_modified f: mtime"], have("f"))
row("append", opened(WRITE | os.O_APPEND, lambda fd: os.write(fd, b"x")), [f"updated f: {REWRITTEN}"], have("f"))
row("open with O_TRUNC", opened(WRITE | os.O_TRUNC), [f"updated f: {REWRITTEN}"], have("f"))
row("open read-only with O_TRUNC", opened(os.O_RDONLY | os.O_TRUNC), [f"updated f: {REWRITTEN}"], have("f"))
row("truncate", paths(lambda f: os.truncate(f, 2), "f"), [f"updated f: {REWRITTEN}"], have("f"))
row("ftruncate", opened(WRITE, lambda fd: os.ftruncate(fd, 1)), [f"updated f: {REWRITTEN}"], have("f"))
row("fallocate", opened(WRITE, lambda fd: os.posix_fallocate(fd, 0, 8192)), [f"updated f: {REWRITTEN}"], have("f"))
row("mmap", opened(os.O_RDWR, lambda fd: mmap.mmap(fd, 6).write(b"zz")), ["updated f: content mtime"], have("f"))
row("write, wait, write", opened(WRITE, lambda fd: (os.write(fd, b"x"), time.sleep(0.03), os.write(fd, b"longer than that"))),
    [f"updated f: {REWRITTEN}"], have("f"))
row("many writes", opened(WRITE, lambda fd: [os.pwrite(fd, b"x" * 100, 100 * i) for i in range(50)]),
    [f"updated f: {REWRITTEN}"], have("f"))


def by_proc_fd(r):
    fd = os.open(f"{r.d}/f", os.O_PATH)
    put(f"/proc/self/fd/{fd}", "by proc", WRITE)


def by_dirfd(r):
    fd = os.open("f", WRITE, dir_fd=os.open(r.d, os.O_PATH))
    os.write(fd, b"relative")
    os.close(fd)


def by_handle(r):
    handle, mount = ctypes.create_string_buffer(136), ctypes.c_int()
    ctypes.c_uint.from_buffer(handle).value = 128
    checked(libc.name_to_handle_at(AT_FDCWD, os.fsencode(f"{r.d}/f"), handle, ctypes.byref(mount), 0))
    at = os.open(r.d, os.O_RDONLY)
    fd = checked(libc.open_by_handle_at(at, handle, WRITE))
    os.write(fd, b"by handle")
    os.close(fd)


def by_link_outside(r):
    os.symlink(f"{r.d}/f", f"{r.o}/s")
    put(f"{r.o}/s", "by symlink", WRITE)


row("write by /proc/self/fd", by_proc_fd, ["updated f: content mtime"], have("f"))
row("write relative to a directory", by_dirfd, ["updated f: content mtime"], have("f"))
row("write by handle", by_handle, ["updated f: content mtime"], have("f"), without=("overlay",))
row("write by a symlink from outside", by_link_outside, [f"updated f: {REWRITTEN}"], have("f"))


def transfer(call):
    def act(r):
        source, to = os.open(f"{r.o}/big", os.O_RDONLY), os.open(f"{r.d}/f", WRITE)
        call(source, to)
    return act


def spliced(source, to):
    end, begin = os.pipe()
    os.splice(source, begin, 100)
    os.splice(end, to, 100)


BIG = have("f", "OUT/big")
row("sendfile", transfer(lambda a, b: os.sendfile(b, a, 0, 100)), [f"updated f: {REWRITTEN}"], BIG)
row("splice", transfer(spliced), [f"updated f: {REWRITTEN}"], BIG)
row("copy_file_range", transfer(lambda a, b: os.copy_file_range(a, b, 100)), [f"updated f: {REWRITTEN}"], BIG)
row("FICLONE", transfer(lambda a, b: fcntl.ioctl(b, FICLONE, a)), [f"updated f: {REWRITTEN}"], BIG,
    only=("xfs", "btrfs", "btrfs-subvolume"))


def tmpfile(r):
    fd = os.open(r.d, os.O_TMPFILE | WRITE, 0o600)
    os.write(fd, b"unnamed")
    checked(libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, os.fsencode(f"{r.d}/n"), 0x400))
    os.close(fd)


row("O_TMPFILE and linkat", tmpfile, ["created n"])
row("O_TMPFILE without a name", lambda r: os.close(os.open(r.d, os.O_TMPFILE | WRITE)), [])

# ---- by a descriptor that is older than fimd: no record of this operation, so the process is all there is ----

row("write by an inherited descriptor", lambda r: os.write(r.held[0], b"inherited"), [f"updated f: {REWRITTEN}"], held("f"),
    audit="process")
row("ftruncate by an inherited descriptor", lambda r: os.ftruncate(r.held[0], 1), [f"updated f: {REWRITTEN}"], held("f"),
    audit="process")
row("fchmod by an inherited descriptor", lambda r: os.fchmod(r.held[0], 0o600), ["attributes_modified f: mode"], held("f"))
row("futimens by an inherited descriptor", lambda r: os.utime(r.held[0], (1, 2)), ["attributes_modified f: mtime"], held("f"),
    audit="process")
row("fsetxattr by an inherited descriptor", lambda r: os.setxattr(r.held[0], "user.a", b"b"), ["attributes_modified f: xattr"],
    held("f"))

# ---- names ----

row("rename", paths(os.rename, "f", "g"), ["moved g < f"], have("f"))
row("rename twice", lambda r: (os.rename(f"{r.d}/f", f"{r.d}/g"), os.rename(f"{r.d}/g", f"{r.d}/h")),
    ["moved g < f", "moved h < g"], have("f"))
row("rename and unlink", lambda r: (os.rename(f"{r.d}/f", f"{r.d}/g"), os.unlink(f"{r.d}/g")),
    ["moved g < f", "deleted g"], have("f"))
row("rename there and back", lambda r: (os.rename(f"{r.d}/f", f"{r.d}/g"), os.rename(f"{r.d}/g", f"{r.d}/f")),
    ["moved? g < f", "moved? f < g"], have("f"))
row("rename over", paths(os.rename, "f", "longer"), [f"moved+updated longer < f: {REPLACED}"], have("f", "longer"))
row("rename into another directory", paths(os.rename, "a/f", "b/f"), ["moved b/f < a/f"], have("a/f", "b/"))
row("rename in", paths(os.rename, "OUT/f", "n"), ["created n < OUT/f"], have("OUT/f"))
row("rename in over", paths(os.rename, "OUT/f", "f"), [f"updated f: {REPLACED}"], have("OUT/f", "f"))
row("rename out", paths(os.rename, "f", "OUT/n"), ["deleted f > OUT/n"], have("f"))
row("RENAME_NOREPLACE", paths(lambda a, b: renameat2(a, b, RENAME_NOREPLACE), "f", "g"), ["moved g < f"], have("f"))
row("RENAME_EXCHANGE", paths(lambda a, b: renameat2(a, b, RENAME_EXCHANGE), "f", "longer"),
    [f"moved+updated f < longer: {REPLACED}", f"moved+updated longer < f: {REPLACED}"], have("f", "longer"))
row("RENAME_EXCHANGE of directories", paths(lambda a, b: renameat2(a, b, RENAME_EXCHANGE), "t", "v"),
    ["moved+updated t < v: inode", "moved+updated v < t: inode", "moved t/f < v/f", "moved v/g < t/g"], have("t/g", "v/f"))
row("link", paths(os.link, "f", "g"), ["created g"], have("f"), scan=["attributes_modified f: links"])
row("link in", paths(os.link, "OUT/f", "g"), ["created g"], have("OUT/f"))
row("link out", paths(os.link, "f", "OUT/g"), [], have("f"), scan=["attributes_modified f: links"])
row("symlink", lambda r: os.symlink("nowhere", f"{r.d}/s"), ["created s"])
row("fifo", paths(os.mkfifo, "p"), ["created p"])
row("socket", lambda r: (os.chdir(r.d), socket.socket(socket.AF_UNIX).bind("s")), ["created s"])
row("device", paths(lambda n: os.mknod(n, stat.S_IFCHR | 0o600, os.makedev(1, 3)), "n"), ["created n"])
row("mknod of a file", paths(lambda n: os.mknod(n, stat.S_IFREG | 0o600), "n"), ["created n"])
row("mkdir", paths(os.mkdir, "n"), ["created n"])
row("mkdir of several levels, and a file", lambda r: (os.makedirs(f"{r.d}/a/b/c"), put(f"{r.d}/a/b/c/f")),
    ["created a", "created a/b", "created a/b/c", "created a/b/c/f"])
row("rmdir", paths(os.rmdir, "e"), ["deleted e"], have("e/"))
row("rmdir of one that is not empty", shell("! rmdir e 2>/dev/null"), [], have("e/f"))
row("unlink", paths(os.unlink, "f"), ["deleted f"], have("f"))
row("unlink one of two names", paths(os.unlink, "g"), ["deleted g"],
    lambda r: (have("f")(r), os.link(f"{r.d}/f", f"{r.d}/g")), scan=["attributes_modified f: links"])


def unlink_and_write(r):
    fd = os.open(f"{r.d}/f", WRITE)
    os.unlink(f"{r.d}/f")
    os.write(fd, b"nobody sees this")
    os.close(fd)


def again(r):
    os.unlink(f"{r.d}/f")
    put(f"{r.d}/f", "another one")


def come_and_go(r):
    put(f"{r.d}/n")
    os.unlink(f"{r.d}/n")


row("unlink, then write", unlink_and_write, ["deleted f"], have("f"))
row("unlink and make again", again, [f"updated f: {REPLACED}~"], have("f"))
row("create and unlink", come_and_go, ["created? n", "deleted? n"])
row("mkdir and rmdir", lambda r: (os.mkdir(f"{r.d}/n"), os.rmdir(f"{r.d}/n")), ["created? n", "deleted? n"])

row("rm -r", shell("rm -r t"), ["deleted t/u/f", "deleted t/u", "deleted t/g", "deleted t"], have("t/u/f", "t/g"),
    audit="audit process")  # overlayfs tells no inode of what is gone, and the directory may be gone as well

# ---- directories with content ----

row("mv of a directory", paths(os.rename, "t", "v"), ["moved v < t", "moved v/u < t/u", "moved v/u/f < t/u/f"], have("t/u/f"))
row("mv of a directory in", paths(os.rename, "OUT/t", "t"), ["created t < OUT/t", "created t/u", "created t/u/f"],
    have("OUT/t/u/f"), audit="audit process")  # the record is the directory's
row("mv of a directory out", paths(os.rename, "t", "OUT/t"),
    ["deleted t > OUT/t", "deleted t/u > OUT/t/u", "deleted t/u/f > OUT/t/u/f"], have("t/u/f"))
row("mv of a directory over an empty one", paths(os.rename, "t", "e"), ["moved+updated e < t: inode", "moved e/f < t/f"],
    have("t/f", "e/"))
row("mv of a directory, then a write in it", lambda r: (os.rename(f"{r.d}/t", f"{r.d}/v"), put(f"{r.d}/v/f", "after")),
    ["moved v < t", "moved v/f < t/f", f"updated v/f: {REWRITTEN}"], have("t/f"))

row("write, then mv of the directory", lambda r: (put(f"{r.d}/t/f", "after"), os.rename(f"{r.d}/t", f"{r.d}/v")),
    ["updated? t/f: content size mtime", "moved v < t", "moved v/f < t/f", "updated? v/f: content size mtime"], have("t/f"),
    audit="audit process none")  # gone before it was looked at: the walk of its new place finds the change, not the person
row("mkdir, mv of the directory over and over", shell("mkdir a; echo x >a/f; mv a b; mv b c; mv c d"),
    ["created? a", "created? a/f", "created? b", "created? b/f", "created? c", "created? c/f", "created? d", "created? d/f",
     "moved? b < a", "moved? b/f < a/f", "moved? c < b", "moved? c/f < b/f", "moved? d < c", "moved? d/f < c/f"],
    audit="audit process")

# ---- attributes ----

row("chmod", paths(lambda f: os.chmod(f, 0o600), "f"), ["attributes_modified f: mode"], have("f"))
row("chmod to the same", paths(lambda f: os.chmod(f, 0o644), "f"), [], have("f"))
row("chmod of a directory", paths(lambda f: os.chmod(f, 0o700), "e"), ["attributes_modified e: mode"], have("e/"))
row("chown", paths(lambda f: os.chown(f, 1, 2), "f"), ["attributes_modified f: owner group"], have("f"))
row("lchown of a symlink", paths(lambda f: os.lchown(f, 1, 2), "s"), ["attributes_modified s: owner group"],
    lambda r: os.symlink("x", f"{r.d}/s"))
row("setxattr", shell("setfattr -n user.a -v b f"), ["attributes_modified f: xattr"], have("f"))
row("removexattr", shell("setfattr -x user.a f"), ["attributes_modified f: xattr"],
    lambda r: (have("f")(r), os.setxattr(f"{r.d}/f", "user.a", b"b")))
row("setxattr to the same", shell("setfattr -n user.a -v b f"), [],
    lambda r: (have("f")(r), os.setxattr(f"{r.d}/f", "user.a", b"b")))
row("setfacl", shell("setfacl -m u:1:r f"), ["attributes_modified f: acl"], have("f"))
row("setcap", shell("setcap cap_net_raw=ep f"), ["attributes_modified f: caps"], have("f"))
row("utimensat", paths(lambda f: os.utime(f, (1, 2)), "f"), ["attributes_modified f: mtime"], have("f"))
row("utimensat of mtime alone", shell("touch -m -d @7 f"), ["attributes_modified f: mtime"], have("f"))
row("utimensat of atime alone", shell("touch -a -d @7 f"), [], have("f"))
row("chmod by another user", lambda r: os.chmod(f"{r.d}/f", 0o600), ["attributes_modified f: mode"],
    lambda r: (have("f")(r), os.chown(f"{r.d}/f", 65534, 65534)), euid=65534)
row("write by another user", opened(WRITE | os.O_CREAT, lambda fd: os.write(fd, b"x"), "n"), ["created n"], euid=65534)

# ---- tools ----

row("echo >>", shell("echo more >>f"), [f"updated f: {REWRITTEN}"], have("f"))
row("touch", shell("touch f"), ["attributes_modified f: mtime"], have("f"))
row("touch a new one", shell("touch n"), ["created n"])
row("write by a child of the opener", shell("exec 3>>f; env printf more >&3"), [f"updated f: {REWRITTEN}"], have("f"))
row("tee", shell("echo other text | tee f"), [f"updated f: {REWRITTEN}"], have("f"))
row("dd", shell("dd if=/dev/zero of=f bs=3 count=9 status=none"), [f"updated f: {REWRITTEN}"], have("f"))
row("cp over", shell("cp $O/f f"), [f"updated f: {REWRITTEN}"], have("OUT/f", "f"))
row("cp -p", shell("cp -p $O/f n"), ["created n", "attributes_modified? n: mtime mode owner group"], have("OUT/f"))
row("cp -r", shell("cp -r $O/t t"), ["created t", "created t/f", "created t/u", "created t/u/g"], have("OUT/t/f", "OUT/t/u/g"))
row("install", shell("install -m 750 $O/f n"), ["created n", "attributes_modified? n: mode"], have("OUT/f"))
row("sed -i", shell("sed -i s/before/after_wards/ f"), [f"updated f: {REPLACED}"], have("f"))
row("perl -i", shell("perl -i -pe s/before/after_wards/ f"), [f"updated f: {REPLACED}"], have("f"))
row("vim", shell("vim -u NONE -N -es -c '%s/before/after_wards/' -c wq f </dev/null"), [f"updated f: {REPLACED}"], have("f"))
row("as visudo", shell("cp f f.tmp; echo more >>f.tmp; chmod 640 f.tmp; mv f.tmp f"), [f"updated f: {REPLACED} mode"], have("f"))
row("as visudo, unchanged", shell("cp f f.tmp; rm f.tmp"), [], have("f"))
row("as dpkg", shell("cp $O/x x.dpkg-new; chmod 755 x.dpkg-new; ln x x.dpkg-tmp; mv x.dpkg-new x; rm x.dpkg-tmp"),
    [f"updated x: {REPLACED} mode"], have("OUT/x", "x"))
row("ln -sf over", shell("ln -sf elsewhere s"), ["updated s: content size mtime inode"],
    lambda r: os.symlink("x", f"{r.d}/s"))
row("tar x", shell("tar xf $O/t.tar"), ["created t", "attributes_modified? t: mode", "created t/f", "attributes_modified? t/f: mtime mode"],
    lambda r: (have("OUT/t/f")(r), subprocess.run(["tar", "cf", f"{r.o}/t.tar", "-C", r.o, "t"], check=True)))
row("git checkout", shell("git -C $O/r --work-tree=\"$PWD\" checkout -q two -- f"), [f"updated f: {REPLACED}~"],
    lambda r: (have("f")(r), subprocess.run(["sh", "-ec", """
        mkdir r; cd r; git init -q .; git config user.email a@b; git config user.name a
        echo one >f; git add f; git commit -qm one; git checkout -qb two; echo two-two >f; git commit -qam two
        git checkout -q master 2>/dev/null || git checkout -q main; git --work-tree="$1" checkout -q HEAD -- f""",
        "sh", r.d], cwd=r.o, check=True)))
if tool("rsync"):
    row("rsync", shell("rsync -a $O/t ."), ["created t", "attributes_modified? t: mode", "created t/f", "attributes_modified? t/f: mtime"],
        have("OUT/t/f"))
    row("rsync over", shell("rsync -a $O/f f"), [f"updated f: {REPLACED}"], have("OUT/f", "f"))


def nano(r):
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(r.d)
        os.execvpe("nano", ["nano", "-I", "f"], {**os.environ, "TERM": "xterm"})
    time.sleep(0.4)
    for keys in (b"typed ", b"\x0f", b"\r", b"\x18"):
        os.write(fd, keys)
        time.sleep(0.1)
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        pass
    os.waitpid(pid, 0)


if tool("nano"):
    row("nano", nano, [f"updated f: {REWRITTEN}"], have("f"), only=("ext4",))

# ---- fanotify does not tell it: the next scan does ----

row("chattr", shell("chattr +d f"), [], have("f"), scan=["attributes_modified f: flags"], only=("ext4", "xfs", "tmpfs"))


def map_held(r):
    r.map = mmap.mmap(r.held[0], 6)
    r.map.write(b"mapped")
    r.map.flush()


row("mmap of an inherited descriptor", map_held, [], held("f"), scan=["updated f: content mtime"])
