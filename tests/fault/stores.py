"""The store: altered, cut off, of another version, in use by another; and a journal that has reached its length."""
import contextlib
import json
import os
import subprocess
import sys

import fimdtest
import kills
from account import Daemon, Skip, check_disk, check_numbers, journal, many, until, want

NOBODY = 65534


def lmdb():
    try:
        import lmdb as module
    except ImportError:
        sys.path.append("/usr/lib/python3/dist-packages")
        try:
            import lmdb as module
        except ImportError:
            raise Skip("needs python3-lmdb") from None
    return module


@contextlib.contextmanager
def opened(daemon):
    """The store's tables for writing, by LMDB itself, while no fimd runs."""
    with lmdb().open(f"{daemon.work}/state", max_dbs=3, map_size=1 << 28) as env:
        with env.begin(write=True) as txn:
            yield txn, {name: env.open_db(name.encode(), txn=txn, create=False) for name in ("tree", "journal", "meta")}


def made(work):
    """A store with some history, and no fimd on it."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    daemon = Daemon(work, [tree])
    many(tree, 40, "known-by-this-name-")
    daemon.sync()
    want(daemon.stop() == 0, "fimd did not end well")
    return daemon


def verify(daemon):
    """(exit code, answer) of fimctl verify."""
    code, out = daemon.ctl("--json", "verify")
    want(code in (0, 1, 70), f"verify: exit {code}\n{out}")
    return code, json.loads(out) if code != 70 else out


def sequence_of(daemon, path):
    return next(d["event"]["sequence"] for d in daemon.changes() if d["file"]["path"] == path)


def flip(daemon, path):
    """One bit of one byte in the journal's record of the path, in the file itself."""
    name, hits = f"{daemon.work}/state/data.mdb", 0
    with open(name, "r+b") as f:
        data = f.read()
        at = data.find(path.encode())
        while at >= 0:  # older pages hold copies that are not looked at
            f.seek(at + len(path) - 1)
            f.write(bytes([data[at + len(path) - 1] ^ 0x40]))
            hits += 1
            at = data.find(path.encode(), at + 1)
    want(hits, f"the record of {path} was not found in the store's file")


def altered(work):
    """A byte of the journal is flipped, a record taken out, the chain's end altered: verify finds and names each."""
    daemon = made(work)
    path = f"{work}/tree/known-by-this-name-20"
    sequence = sequence_of(daemon, path)
    want(verify(daemon)[0] == 0, "the journal is not good to begin with")
    head = verify(daemon)[1]["head"]
    flip(daemon, path)
    code, answer = verify(daemon)
    want(code == 1 and answer["broken"] == sequence, f"a flipped byte in record {sequence}: exit {code}, {answer}")
    code, out = daemon.ctl("verify")
    want(code == 1 and str(sequence) in out and "altered" in out, f"verify does not name record {sequence}:\n{out}")
    # fimd goes on recording; what was altered stays told.
    daemon.start()
    many(f"{work}/tree", 1, "later")
    daemon.sync()
    want(verify(daemon)[1]["broken"] == sequence, "a run of fimd hid the alteration")
    daemon.stop()
    flip(daemon, path[:-1] + chr(ord(path[-1]) ^ 0x40))  # back
    want(verify(daemon)[0] == 0, "flipped back, it is still told")
    with opened(daemon) as (txn, tables):
        key = (sequence + 1).to_bytes(8, "big")
        record = txn.get(key, db=tables["journal"])
        txn.delete(key, db=tables["journal"])
    code, answer = verify(daemon)
    want(code == 1 and answer["broken"] in (sequence + 1, sequence + 2), f"a record taken out: exit {code}, {answer}")
    with opened(daemon) as (txn, tables):
        txn.put(key, record, db=tables["journal"])
    want(verify(daemon)[0] == 0, "put back, it is still told")
    # Cut off at the end, the rest proves itself; only a head that was noted elsewhere tells.
    code, out = daemon.ctl("verify", "--head", head)
    want(code == 0, f"verify --head of a noted head: exit {code}\n{out}")
    code, out = daemon.ctl("verify", "--head", "0" * 64)
    want(code == 1, f"verify --head of a head that never was: exit {code}\n{out}")
    with opened(daemon) as (txn, tables):
        last = txn.stat(tables["journal"])["entries"]
        txn.delete(last.to_bytes(8, "big"), db=tables["journal"])
    code, answer = verify(daemon)
    want(code == 1, f"the last record taken out: exit {code}, {answer}")
    return f"record {sequence} named"


def refuses(daemon, code, *words):
    """fimd itself does not start: by this exit code, saying these words, and not by a signal."""
    log = len(daemon.log())
    daemon.launch()
    try:
        got = daemon.process.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        got = "running"
    text = daemon.log()[log:]
    want(got == code, f"fimd ended with {got}, not {code}:\n{text}")
    for word in words:
        want(word in text, f"fimd does not say '{word}':\n{text}")


def fails(daemon, code, *words):
    """fimctl's readers fail by this exit code, saying these words."""
    for command in (["events"], ["verify"], ["check"], ["who", f"{daemon.work}/tree"]):
        got, out = daemon.ctl(*command)
        want(got == code, f"fimctl {command[0]} ended with {got}, not {code}:\n{out}")
        for word in words:
            want(word in out, f"fimctl {command[0]} does not say '{word}':\n{out}")


def damaged(work):
    """A store that is cut off, not one, of a newer fimd, in use, or not to be read: a clear error, no crash."""
    daemon = made(work)
    state, file = f"{work}/state", f"{work}/state/data.mdb"
    with open(file, "rb") as f:
        whole = f.read()
    for what, content in {"cut in half": whole[:len(whole) // 2 // 4096 * 4096], "two pages": whole[:8192],
                          "one page": whole[:4096], "half a page": whole[:100], "no store": os.urandom(len(whole))}.items():
        with open(file, "wb") as f:
            f.write(content)
        try:
            fails(daemon, 70, state)
            refuses(daemon, 70, state)
        except Exception as wrong:
            raise type(wrong)(f"{what}: {wrong}") from None
    with open(file, "wb") as f:
        f.write(whole)
    with opened(daemon) as (txn, tables):
        version = txn.get(b"store.format", db=tables["meta"])
        txn.put(b"store.format", (99).to_bytes(4, "little"), db=tables["meta"])
    fails(daemon, 70, "newer fimd")
    refuses(daemon, 70, "newer fimd", "99")
    with opened(daemon) as (txn, tables):
        txn.put(b"store.format", version, db=tables["meta"])
    second_instance(daemon)
    not_readable(daemon)
    want(verify(daemon)[0] == 0 and daemon.ctl("check", "--content")[0] == 0, "the store is not what it was")
    return "5 ways of damage, a newer format, a second instance, four ways of not being readable"


def second_instance(daemon):
    daemon.start()
    os.mkdir(f"{daemon.work}/second")
    second = Daemon(f"{daemon.work}/second", [f"{daemon.work}/tree"], start=False)
    with open(second.config, encoding="utf-8") as f:
        text = f.read()

    def configure(state, runtime):
        with open(second.config, "w", encoding="utf-8") as f:
            f.write(text.replace(f"{second.work}/state", f"{state.work}/state").replace(
                f"{second.work}/run", f"{runtime.work}/run"))

    with open(f"{second.work}/log", "w", encoding="utf-8"):
        pass
    configure(daemon, second)
    refuses(second, 70, str(daemon.process.pid))
    configure(second, daemon)
    refuses(second, 70, "another fimd")
    daemon.alive()
    want(daemon.ctl("status")[0] in (0, 1), "the second instance took the first one's socket away")
    want(daemon.stop() == 0, "fimd did not end well")


def not_readable(daemon):
    work, state = daemon.work, f"{daemon.work}/state"
    for path in (work, f"{work}/run"):
        os.chmod(path, 0o755)
    os.chmod(daemon.config, 0o644)

    def as_nobody(*command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        return done.returncode, done.stdout

    for command in ([fimdtest.tool("fimctl"), "-c", daemon.config, "events"],
                    [fimdtest.tool("fimd"), "-c", daemon.config]):
        if as_nobody("test", "-x", command[0])[0]:
            continue  # built where nobody else may look
        code, out = as_nobody(*command)
        want(code == 77, f"{command[0]} as nobody: exit {code}\n{out}")
    os.rename(state, f"{state}-aside")
    fails(daemon, 69, state, "start fimd")  # none yet
    with open(state, "w", encoding="utf-8"):
        pass
    fails(daemon, 70, state)  # a file
    refuses(daemon, 70, state)
    os.unlink(state)
    os.symlink("/nonexistent/deeper", state)
    refuses(daemon, 70, state)
    os.unlink(state)
    os.rename(f"{state}-aside", state)


# ---- the journal's length ----

def retention(work):
    """Size and time take records off the front: what is left proves itself, and the output has missed nothing."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    daemon = Daemon(work, [tree], extra="journal: {keep: 60s, max_size: 1MiB}", start=False)
    shift = os.environ.get("FIMD_CLOCK", "")
    if not os.path.exists(shift):
        raise Skip("needs the shifted clock that the build makes (FIMD_CLOCK)")
    daemon.env = {**os.environ, "LD_PRELOAD": shift, "FIMD_CLOCK_SHIFT": "-7200"}
    daemon.start()
    many(tree, 3000)
    daemon.sync()

    def first():
        return verify(daemon)[1]["first"]
    until(lambda: first() > 500, "records go by size", 20)
    until(lambda: daemon.status()["journal"]["bytes"] <= (1 << 20) * 1.1, "the journal has its size", 10)
    kept = [d["event"]["sequence"] for d in journal(daemon)]
    proof = verify(daemon)[1]
    want(kept == list(range(proof["first"], proof["last"] + 1)), "the journal has gaps")
    by_size = proof["first"] - 1
    want(daemon.stop() == 0, "fimd did not end well")
    # Two hours later: what is left is too old.
    daemon.env = dict(os.environ)
    last = daemon.last()
    daemon.start()
    os.unlink(f"{tree}/n7")
    daemon.sync()
    until(lambda: first() > last, "records go by time", 30)
    proof = verify(daemon)[1]
    want(proof["good"], f"after trimming verify fails: {proof}")
    documents = daemon.documents()
    check_numbers(documents)
    check_disk(documents, tree, {})
    want(daemon.ctl("check", "--content")[0] == 0, "the baseline lost something with the journal's front")
    want([d["event"]["sequence"] for d in journal(daemon)] == list(range(proof["first"], proof["last"] + 1)), "gaps")
    daemon.kill()
    daemon.start()
    daemon.settle()
    check_numbers(daemon.documents())
    want(verify(daemon)[0] == 0 and daemon.stop() == 0, "after a kill verify fails")
    return f"{by_size} records went by size, then all {last} by time; {proof['records']} left prove themselves"


def full_journal(work):
    """The journal is full and an output is down: nothing blocks, it is said, and in the end nothing is missing."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    with kills.server() as s:
        port = s.server_port
    daemon = Daemon(work, [tree], extra="journal: {max_size: 1MiB}",
                    outputs=f"  - {{type: elasticsearch, name: es, hosts: ['http://127.0.0.1:{port}'], timeout: 2s}}")
    many(tree, 1500)
    why = until(lambda: [d for d in daemon.status()["degraded"] if d.startswith("recording:")], "the journal is full", 30)
    want("journal.max_size" in why[0] and "output" in why[0], f"not why, or no remedy: {why[0]}")
    for i in range(0, 1500, 2):
        os.unlink(f"{tree}/n{i}")
    many(tree, 500, "late")
    # The kernel's reader is not held up: what cannot be recorded is let go and counted.
    until(lambda: not daemon.status()["queues"][0]["length"], "the changes are taken in though the journal is full", 20)
    daemon.alive()
    want(daemon.status()["losses"].get("not-recorded", 0) > 0, "what was not recorded is not counted")
    backlog = [o["backlog"] for o in daemon.status()["outputs"] if o["name"] == "es"][0]
    want(backlog == daemon.status()["journal"]["last"], f"records that the output has yet to get were taken off: {backlog}")
    with kills.server(port) as s:
        until(lambda: not [d for d in daemon.status()["degraded"] if d.startswith("recording:")], "recorded again", 90)
        until(lambda: daemon.scans("recording-restored"), "the scan after recording was restored", 60)
        daemon.settle()
        documents = daemon.documents()
        check_numbers(documents)
        paths = check_disk(documents, tree, {})
        there = s.documents["logs-fim.event-default"]
        want(set(there) == {d["event"]["id"] for d in documents}, f"the server has {len(there)} of {len(documents)} events")
        want(verify(daemon)[0] == 0 and daemon.ctl("check", "--content")[0] == 0, "journal or baseline is not good")
        daemon.stop()
    return f"{len(documents)} events at file and server, {paths} paths; \"{why[0][:90]}…\""
