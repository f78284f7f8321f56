"""Disks that are full or read-only, and output files that somebody else moves about."""
import contextlib
import json
import os
import time

import fimdtest
from account import Daemon, check_all, check_disk, check_numbers, load, many, until, want


def fill(directory):
    """Takes the last byte of a file system; gives the file to remove."""
    path = f"{directory}/ballast"
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    f.write(bytes(size))
        with contextlib.suppress(OSError):
            os.fsync(f.fileno())
    return path


def degraded(daemon, word):
    """The lines of what is not well that hold the word."""
    return [line for line in daemon.status()["degraded"] if word in line]


def full_state(work):
    """The state directory's disk is full: said with a remedy, no crash; when there is room again nothing is missing."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    with fimdtest.filesystem("ext4", size="24M") as disk:
        daemon = Daemon(work, [tree], start=False)
        with open(daemon.config, encoding="utf-8") as f:
            text = f.read().replace(f"state_dir: {work}/state", f"state_dir: {disk}/state")
        with open(daemon.config, "w", encoding="utf-8") as f:
            f.write(text)
        daemon.start()
        many(tree, 50, "before")
        daemon.sync()
        with load(tree, 5, pause=0.001) as steps:
            ballast = fill(disk)
            why = until(lambda: degraded(daemon, "recording:"), "status is degraded by recording", 60)
            time.sleep(1)
            daemon.alive()
            code, out = daemon.ctl("status")
            want(code == 1 and "recording" in out, f"status: exit {code}\n{out}")
            want("no space" in why[0].lower(), f"it is not said why: {why[0]}")
            want("free" in why[0].lower() or "room" in why[0].lower(), f"no remedy is named: {why[0]}")
            os.unlink(ballast)
            until(lambda: not degraded(daemon, "recording:"), "recording again", 30)
        until(lambda: daemon.scans("recording-restored"), "the scan after recording was restored", 60)
        daemon.settle()
        want(daemon.of_action("recording-failed"), "no event recording-failed")
        want(daemon.of_action("recording-restored"), "no event recording-restored")
        begin = {}
        text = check_all(daemon, tree, begin)
        lost = daemon.status()["losses"].get("not-recorded", 0)
        want(lost > 0, "the loss is not counted")
        check_full_start(daemon, disk)
        return f"{steps.value} operations: {text}; {lost} findings not recorded and made good by a scan; \"{why[0]}\""


def check_full_start(daemon, disk):
    """A start on a full disk: a clear error or a degraded run, and the store is whole after it."""
    want(daemon.stop() == 0, "fimd did not end well")
    ballast = fill(disk)
    daemon.launch()
    for _ in range(100):
        time.sleep(0.03)
        if daemon.process.poll() is not None or os.path.exists(f"{daemon.work}/run/control.sock"):
            break
    code = daemon.process.poll()
    want(code in (None, 70), f"a start on a full disk ended with {code}")
    if code is not None:
        want("No space" in daemon.log(), "a start on a full disk does not say why it failed")
    daemon.kill()
    os.unlink(ballast)
    daemon.start()
    daemon.settle()
    want(daemon.ctl("verify")[0] == 0 and daemon.stop() == 0, "the store is not whole after a start on a full disk")


# ---- the output file ----

def lines_of(*paths):
    documents = []
    for path in paths:
        with open(path, "rb") as f:
            data = f.read()
        want(not data or data.endswith(b"\n"), f"{path} ends with half a line")
        documents += [json.loads(line) for line in data.splitlines()]
    return documents


def moved_output(work):
    """The output file is moved, removed, truncated, or gets another one in its place: it goes on, without a gap."""
    tree, out = f"{work}/tree", f"{work}/out"
    os.mkdir(tree)
    os.mkdir(out)
    daemon = Daemon(work, [tree], outputs=f"  - {{type: file, name: second, path: {out}/e.ndjson}}")
    aside = []
    with load(tree, 3, pause=0.003):
        for turn in range(5):
            time.sleep(0.2)
            aside.append(f"{out}/aside{turn}")
            os.rename(f"{out}/e.ndjson", aside[-1])
            until(lambda: os.path.exists(f"{out}/e.ndjson"), "a new output file")
        # Killed when the file has just been moved away by another name: the journal's cursor is what is left.
        aside.append(f"{out}/aside-kill")
        time.sleep(0.2)
        daemon.kill()
        daemon.start()
    daemon.settle()
    documents = lines_of(*aside[:-1], f"{out}/e.ndjson")
    check_numbers(documents)
    check_disk(documents, tree, {})
    want([d["event"]["id"] for d in documents] == [d["event"]["id"] for d in daemon.documents()], "the outputs differ")
    # Removed: what comes after goes into a new file. Truncated by who copied it: likewise.
    for spoil in (os.unlink, lambda p: os.truncate(p, 0)):
        last = daemon.last()
        spoil(f"{out}/e.ndjson")
        many(tree, 5, f"after{last}-")
        daemon.sync()
        check_numbers(lines_of(f"{out}/e.ndjson"), first=last + 1)
    # The whole directory removed: made again.
    last = daemon.last()
    os.rename(out, f"{work}/gone")
    many(tree, 5, "new-directory")
    daemon.sync()
    check_numbers(lines_of(f"{out}/e.ndjson"), first=last + 1)
    # Somebody's symlink is not followed; when it goes, nothing is missing.
    last = daemon.last()
    os.unlink(f"{out}/e.ndjson")
    os.symlink(f"{work}/elsewhere", f"{out}/e.ndjson")
    many(tree, 5, "symlink")
    until(lambda: degraded(daemon, "symlink"), "status tells of the symlink")
    want(not os.path.exists(f"{work}/elsewhere"), "a symlink in place of the output was followed")
    os.unlink(f"{out}/e.ndjson")
    daemon.sync()
    check_numbers(lines_of(f"{out}/e.ndjson"), first=last + 1)
    text = check_all(daemon, tree)
    daemon.stop()
    return text


def full_output(work):
    """The output's disk is full, then read-only: said, kept, and delivered without a gap when it can be."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    with fimdtest.filesystem("tmpfs", size="2M") as disk:
        daemon = Daemon(work, [tree], outputs=f"  - {{type: file, name: second, path: {disk}/e.ndjson}}")
        many(tree, 20, "before")
        daemon.sync()
        ballast = fill(disk)
        many(tree, 50, "full")
        why = until(lambda: degraded(daemon, "output second"), "status tells of the full disk")
        want("No space" in why[0] and "free some space" in why[0], f"not why, or no remedy: {why[0]}")
        want(daemon.ctl("sync", "--timeout", "20s")[0] == 0, "a full output holds up the journal")
        lines_of(f"{disk}/e.ndjson")
        os.unlink(ballast)
        daemon.sync()
        check_numbers(lines_of(f"{disk}/e.ndjson"))
        # The file system goes read-only under the open file, as one with errors does.
        daemon.kill()
        fimdtest.run("mount", "-o", "remount,ro", disk)
        many(tree, 5, "read-only")
        daemon.start()
        many(tree, 5, "read-only-too")
        why = until(lambda: degraded(daemon, "output second"), "status tells of the read-only file system")
        want("Read-only" in why[0], f"not why: {why[0]}")
        fimdtest.run("mount", "-o", "remount,rw", disk)
        daemon.settle()
        text = check_all(daemon, tree)
        want([d["event"]["id"] for d in lines_of(f"{disk}/e.ndjson")] == [d["event"]["id"] for d in daemon.documents()],
             "the outputs differ")
        daemon.stop()
        return text
