"""The account that must come out right after any fault: what the journal and the output tell, held against the disk.

Also the load: a process that does what people and programs do to files, in a mixed order, until it is told to stop.
"""
import collections
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import stat
import subprocess
import time

import fimdtest


class Wrong(Exception):
    """Something is not as it has to be; the text says what."""


class Skip(Exception):
    """It cannot be tried on this host; the text says why."""


def want(condition, text):
    if not condition:
        raise Wrong(text)


def until(condition, what, seconds=20.0):
    """Waits until condition() holds; its result."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        want(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)


# ---- the daemon ----

class Daemon(fimdtest.Fimd):
    """A fimd that the runner ends whatever happens."""
    all = []

    def __init__(self, work, watch, **kw):
        Daemon.all.append(self)
        super().__init__(work, watch, **kw)

    def launch(self):
        """Starts it and waits for nothing: it may be killed before it watches."""
        with open(f"{self.work}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([fimdtest.tool("fimd"), "-v", "-c", self.config], stdout=log, stderr=log,
                                            env=self.env)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def alive(self):
        want(self.process.poll() is None, f"fimd ended by itself ({self.process.returncode})")

    def of_action(self, action):
        return [d for d in self.documents() if action in d["event"]["action"]]

    def scans(self, reason):
        return [d for d in self.of_action("scan-finished") if d["fimd"]["details"]["reason"] == reason]

    def settle(self):
        """Until no walk is under way and everything is delivered."""
        def walked():
            status = self.status()
            return not status["filling"]["running"] and not status["scan"]["running"]
        until(walked, "the walks end", 60)
        self.sync()

    @classmethod
    def end_all(cls):
        for daemon in cls.all:
            if daemon.process and daemon.process.poll() is None:
                daemon.go_on()
                daemon.kill()
        ended, cls.all[:] = list(cls.all), []
        return ended


# ---- the disk ----

def describe(path):
    """What an event tells of a path: type, mode, owner, group, and the digest of a file's content. None: not there."""
    try:
        st = os.lstat(path)
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                content = hashlib.sha256(f.read()).hexdigest()
        else:
            content = os.readlink(path) if stat.S_ISLNK(st.st_mode) else None
    except FileNotFoundError:
        return None
    return (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, content)


def disk(tree):
    """Every path below the tree, described."""
    found = {}
    for directory, names, files in os.walk(tree):
        for name in names + files:
            path = os.path.join(directory, name)
            found[path] = describe(path)
    return found


# ---- the events ----

TYPES = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK}


def described(document):
    file = document["file"]
    content = file.get("hash", {}).get("sha256") if file["type"] == "file" else file.get("target_path")
    return (TYPES[file["type"]], int(file["mode"], 8), int(file["uid"]), int(file["gid"]), content)


def told(documents, begin):
    """What the events say is there now, path by path, beginning with what was there (None: told to be gone)."""
    now = dict(begin)
    for d in documents:
        if d["event"]["kind"] != "event":
            continue
        path, actions = d["file"]["path"], d["event"]["action"]
        origin = d["file"].get("Ext", {}).get("original", {}).get("path")
        if origin and origin != path:
            now[origin] = None
        now[path] = None if "deleted" in actions else described(d)
    return now


def check_numbers(documents, first=1):
    """Nothing twice and nothing left out: ids, and sequences without a gap."""
    sequences = [d["event"]["sequence"] for d in documents]
    ids = collections.Counter(d["event"]["id"] for d in documents)
    twice = [i for i, n in ids.items() if n > 1]
    want(not twice, f"{len(twice)} events stand twice in the output, the first with id {twice[:1]}")
    if sequences != list(range(first, first + len(sequences))):
        at = next(i for i, s in enumerate(sequences) if s != first + i)
        raise Wrong(f"line {at + 1} of the output has sequence {sequences[at]}, not {first + at}")


def check_disk(documents, tree, begin):
    """The last event of every path says what is on the disk; returns how many paths were compared."""
    there, now = disk(tree), told(documents, begin)
    wrong = []
    for path in sorted(set(there) | {p for p, d in now.items() if d and p.startswith(tree + "/")}):
        if there.get(path) != now.get(path):
            wrong.append(f"{path}: on disk {there.get(path)}, told {now.get(path)}")
    want(not wrong, f"{len(wrong)} paths are not as they were told:\n    " + "\n    ".join(wrong[:8]))
    return len(there)


def check_proof(daemon):
    code, out = daemon.ctl("--json", "verify")
    want(code == 0 and json.loads(out)["good"], f"verify: exit {code}\n{out}")
    return json.loads(out)


def journal(daemon):
    code, out = daemon.ctl("--json", "events")
    want(code in (0, 1), f"events: exit {code}\n{out[-2000:]}")
    return [json.loads(line) for line in out.splitlines()]


def check_all(daemon, tree, begin=None, first=1):
    """The whole account: output, journal, proof, baseline and disk agree. A text that says how much that was."""
    documents = daemon.documents()
    check_numbers(documents, first)
    of_output = [(d["event"]["sequence"], d["event"]["id"]) for d in documents]
    # fimd may say more of itself meanwhile.
    of_journal = [(d["event"]["sequence"], d["event"]["id"]) for d in journal(daemon)][:len(of_output)]
    want(of_journal == of_output, f"journal ({len(of_journal)} records) and output ({len(of_output)} lines) differ")
    check_proof(daemon)
    code, out = daemon.ctl("check", "--content")
    want(code == 0, f"check --content: exit {code}\n{out[-2000:]}")
    paths = check_disk(documents, tree, begin or {})
    return f"{len(documents)} events, {paths} paths"


def of_source(documents, source):
    return [d for d in documents if d["event"]["kind"] == "event" and d["fimd"]["source"] == source]


# ---- the load ----

class Hand:
    """One that changes files: each step one operation, chosen by chance."""

    def __init__(self, tree, seed, most=150):
        self.tree, self.chance, self.most = tree, random.Random(seed), most
        self.files, self.directories, self.number = [], [tree], 0
        self.tag = f"{seed:x}"
        for directory, names, files in os.walk(tree):
            self.directories += [os.path.join(directory, n) for n in names]
            self.files += [os.path.join(directory, n) for n in files]

    def name(self, letter="f"):
        self.number += 1
        return os.path.join(self.chance.choice(self.directories), f"{letter}{self.tag}-{self.number}")

    def content(self):
        return self.chance.randbytes(self.chance.choice((0, 1, 100, 3000, 40000)))

    def create(self):
        path = self.name()
        with open(path, "wb") as f:
            f.write(self.content())
        self.files.append(path)

    def pick(self):
        return self.chance.randrange(len(self.files))

    def append(self):
        with open(self.files[self.pick()], "ab") as f:
            f.write(b"more")

    def rewrite(self):
        with open(self.files[self.pick()], "wb") as f:
            f.write(self.content())

    def save(self):
        """As an editor does: a new file, renamed over the old one."""
        path = self.files[self.pick()]
        temporary = path + ".tmp"
        with open(temporary, "wb") as f:
            f.write(self.content())
        os.rename(temporary, path)

    def rename(self):
        at, to = self.pick(), self.name()
        os.rename(self.files[at], to)
        self.files[at] = to

    def mode(self):
        os.chmod(self.files[self.pick()], self.chance.choice((0o600, 0o640, 0o644, 0o755)))

    def delete(self):
        os.unlink(self.files.pop(self.pick()))

    def directory(self):
        if len(self.directories) < 12:
            path = self.name("d")
            os.mkdir(path)
            self.directories.append(path)

    def move_directory(self):
        if len(self.directories) < 3:
            return
        old = self.chance.choice(self.directories[1:])
        new = os.path.join(self.tree, f"m{self.tag}-{self.number}")
        self.number += 1
        os.rename(old, new)
        self.directories = [self.moved(p, old, new) for p in self.directories]
        self.files = [self.moved(p, old, new) for p in self.files]

    @staticmethod
    def moved(path, old, new):
        return new + path[len(old):] if path == old or path.startswith(old + "/") else path

    def remove_directory(self):
        if len(self.directories) < 6:
            return
        gone = self.chance.choice(self.directories[1:])
        shutil.rmtree(gone)
        self.directories = [p for p in self.directories if p != gone and not p.startswith(gone + "/")]
        self.files = [p for p in self.files if not p.startswith(gone + "/")]

    def step(self):
        if len(self.files) < 10:
            return self.create()
        few = len(self.files) < self.most
        moves = [(self.create, 30 if few else 5), (self.append, 12), (self.rewrite, 12), (self.save, 10),
                 (self.rename, 8), (self.mode, 6), (self.delete, 12 if few else 30), (self.directory, 3),
                 (self.move_directory, 1), (self.remove_directory, 1)]
        return self.chance.choices([m for m, _ in moves], [w for _, w in moves])[0]()


def labour(tree, seed, pause, count):
    """The process of a load: steps until SIGTERM."""
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    hand = Hand(tree, seed)
    while not stop:
        hand.step()
        count.value += 1
        time.sleep(hand.chance.expovariate(1 / pause))


@contextlib.contextmanager
def load(tree, seed, pause=0.002):
    """A load on the tree as long as the block runs; gives the counter of its steps."""
    count = multiprocessing.Value("L", 0)
    process = multiprocessing.Process(target=labour, args=(tree, seed, pause, count), daemon=True)
    process.start()
    try:
        yield count
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.terminate()
        process.join()
    want(process.exitcode == 0, f"the load itself failed (exit {process.exitcode})")


def many(directory, count, prefix="n", size=10):
    """Makes files at once."""
    for i in range(count):
        with open(f"{directory}/{prefix}{i}", "wb") as f:
            f.write(b"x" * size)
