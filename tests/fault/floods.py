"""More than there is room for: the kernel's queue overflown, fimd stopped for seconds, storms, many reloads."""
import os
import re
import shutil
import signal
import time

from account import Daemon, check_all, check_disk, check_numbers, check_proof, disk, load, many, of_source, told, until, want


def overflow(work):
    """The kernel's queue overflows: told, scanned for, and the final account is complete."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    many(tree, 200, "old")
    daemon = Daemon(work, [tree], extra="queue_events: 1024")
    daemon.pause()
    many(tree, 1500)
    for i in range(0, 200, 4):
        os.unlink(f"{tree}/old{i}")
        os.rename(f"{tree}/old{i + 1}", f"{tree}/moved{i}")
        os.chmod(f"{tree}/old{i + 2}", 0o600)
        with open(f"{tree}/old{i + 3}", "ab") as f:
            f.write(b"more")
    daemon.go_on()
    until(lambda: daemon.scans("queue-overflow"), "the scan after the overflow", 60)
    daemon.settle()
    want(daemon.of_action("queue-overflow"), "no event queue-overflow")
    losses = daemon.status()["losses"]
    want(losses.get("fanotify-overflow", 0) >= 1, f"status counts no overflow: {losses}")
    now = told(daemon.documents(), {})
    for i in range(0, 200, 4):
        want(now.get(f"{tree}/old{i}", 1) is None and now.get(f"{tree}/old{i + 1}", 1) is None, f"old{i} went, untold")
    text = check_all(daemon, tree, begin=untouched(tree, now))
    found = len(of_source(daemon.documents(), "scan"))
    want(found > 0, "nothing was found by the scan: did the queue overflow at all?")
    # And once it is over, it is over.
    last = daemon.last()
    many(tree, 20, "after")
    daemon.sync()
    want(len(daemon.changes(last)) >= 20, "after the overflow changes are not told")
    want(len(daemon.of_action("queue-overflow")) == 1, "the overflow is told again and again")
    daemon.stop()
    return f"1,500 files into a queue of 1,024: {text}, {found} changes found by the scan"


def untouched(tree, now):
    """What was there before fimd and was never told of: from the disk."""
    return {p: d for p, d in disk(tree).items() if p not in now}


def stopped(work):
    """Stopped for 5 s under load: nothing is lost, nothing overflows."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    daemon = Daemon(work, [tree])
    with load(tree, 7, pause=0.001) as steps:
        time.sleep(0.5)
        daemon.pause()
        time.sleep(5)
        daemon.go_on()
        time.sleep(0.5)
    daemon.settle()
    text = check_all(daemon, tree)
    losses = daemon.status()["losses"]
    want("fanotify-overflow" not in losses, f"the queue overflowed: {losses}")
    daemon.stop()
    return f"{steps.value} operations: {text}, losses {losses or 'none'}"


# ---- memory and descriptors ----

def memory(pid):
    """Private memory, KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))


def bounded(pid, kib, most, what):
    """A sanitizer keeps memory of its own: it is not measured then."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        instrumented = re.search(r"lib[atu]b?san\.so", f.read())
    want(kib <= most or instrumented, f"{what}: {kib} KiB, more than {most}")


def descriptors(pid):
    return sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd"))


def storm(work):
    """As fast as it goes for 10 s: memory stays bounded, the account is complete."""
    tree, seconds, bound = f"{work}/tree", 10, 64 * 1024
    os.mkdir(tree)
    daemon = Daemon(work, [tree])
    before, most, made = memory(daemon.process.pid), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        directory = f"{tree}/d{made // 500}"
        os.mkdir(directory)
        many(directory, 500, size=100)
        made += 500
        if made > 2500:  # what was made a moment ago goes, so that the tree stays small
            shutil.rmtree(f"{tree}/d{made // 500 - 5}")
        most = max(most, memory(daemon.process.pid))
    daemon.sync(timeout=60)
    after = memory(daemon.process.pid)
    losses = daemon.status()["losses"]
    documents = daemon.documents()
    check_numbers(documents)
    check_proof(daemon)
    paths = check_disk(documents, tree, {})
    want(daemon.ctl("check", "--content")[0] == 0, "the baseline is not what is on disk")
    bounded(daemon.process.pid, most, bound, f"private memory rose (before {before}, after {after})")
    daemon.stop()
    return (f"{made} files in {seconds} s: {len(documents)} events, {paths} paths; private memory {before} KiB before, "
            f"{most} at most, {after} after; losses {losses or 'none'}")


def reloads(work):
    """50 reloads, some of them of a bad configuration, leak nothing; a bad one leaves the old one in force."""
    tree, other = f"{work}/tree", f"{work}/other"
    os.mkdir(tree)
    os.mkdir(other)
    daemon = Daemon(work, [tree])
    with open(daemon.config, encoding="utf-8") as f:
        good = f.read()
    more = good.replace(f'path: ["{tree}"]', f'path: ["{tree}", "{other}"]')
    bad = good + "\nno_such_key: 1\nsettle: soon\n"
    want(more != good, "the test's own replacement failed")
    pid = daemon.process.pid

    def reload(text, complete=True):
        log = len(daemon.log())
        with open(daemon.config, "w", encoding="utf-8") as f:
            f.write(text)
        daemon.process.send_signal(signal.SIGHUP)
        words = "was read again" if complete else "was not taken"
        until(lambda: words in daemon.log()[log:], f"the reload ({words})")

    for text in (more, good):  # what is made once and kept is there then
        reload(text)
    many(tree, 3, "warm")  # some descriptors are opened when they are needed first
    daemon.settle()
    fds, rss = descriptors(pid), memory(pid)
    with load(tree, 11, pause=0.01):
        for turn in range(48):
            if turn % 4 == 3:
                reload(bad, complete=False)
                daemon.alive()
            else:
                reload(more if turn % 4 == 1 else good)
    log = daemon.log()
    for place in ("no_such_key", "settle"):
        want(f"{daemon.config}:" in log and place in log, f"the log does not tell the mistake in {place}")
    code, out = daemon.ctl("reload")
    want(code == 78 and "no_such_key" in out, f"fimctl reload of a bad file: exit {code}\n{out}")
    with open(daemon.config, "w", encoding="utf-8") as f:
        f.write(good)  # for fimctl: what is in force was read before
    daemon.settle()
    last = daemon.last()
    many(tree, 3, "still")
    daemon.sync()
    want(len(daemon.changes(last)) == 3, "with the old configuration in force changes are not told")
    until(lambda: len(descriptors(pid)) <= len(fds) + 1, f"no more descriptors than before, {fds}", 5)
    now, grown = descriptors(pid), memory(pid) - rss
    bounded(pid, grown, 8 * 1024, "50 reloads cost private memory")
    text = check_all(daemon, tree)
    daemon.stop()
    return f"50 reloads, 13 of bad files: {text}; {len(fds)} descriptors before, {len(now)} after, {grown:+} KiB"
