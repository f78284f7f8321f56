"""Audit taken away: rules wiped, audit switched off, a rule that hides processes, auditd coming and going."""
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time

from account import Daemon, Skip, until, want
from fimdtest import run

STARTED = "started and stopped"
AUDITD_CONF = """log_file = {work}/audit.log
log_format = RAW
local_events = yes
write_logs = yes
flush = NONE
num_logs = 0
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
"""


def rules():
    """What is loaded, as auditctl has it."""
    return [line for line in run("auditctl", "-l").splitlines() if line != "No rules"]


def enabled():
    return int(next(line.split()[1] for line in run("auditctl", "-s").splitlines() if line.startswith("enabled")))


@contextlib.contextmanager
def audit_of_our_own():
    """Nobody else changes audit meanwhile, and it is put back as it was."""
    if not shutil.which("auditctl"):
        raise Skip("needs auditctl (package auditd)")
    with open("/tmp/fimd-audit.lock", "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = enabled()
        if state == 2:
            raise Skip("audit's rules are locked (-e 2) until the next boot")
        before = rules()
        try:
            yield
        finally:
            for daemon in Daemon.all:
                daemon.stop()
            wipe()
            for rule in before:
                run("auditctl", *rule.split(), check=False)
            run("auditctl", "-e", str(state))


def wipe():
    """A running fimd loads its rules again while auditctl goes through the list, which auditctl then complains of."""
    run("auditctl", "-D", check=False)


def ours():
    return [r for r in rules() if "key=fimd" in r or "-k fimd" in r]


def foreign():
    return sorted(r for r in rules() if "fault-other" in r)


def others(work):
    """Rules of somebody else, in both of auditctl's ways of writing them."""
    run("auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", "sethostname", "-k", "fault-other-call")
    run("auditctl", "-w", f"{work}/tree", "-p", "wa", "-k", "fault-other-watch")
    return foreign()


def whole(daemon):
    status = daemon.status()["attribution"]["audit"]
    return status["rules_loaded"] == status["rules_wanted"] > 0 and status["state"] == "on"


def proved(daemon, tree, name):
    """A change is attributed by its audit record."""
    with open(f"{tree}/{name}", "wb") as f:
        f.write(b"x")
    daemon.sync()
    grades = [d["fimd"]["attribution"] for d in daemon.changes() if d["file"]["path"] == f"{tree}/{name}"]
    return grades == ["audit"]


def audit(work):
    """Rules wiped, audit off, `task,never`, auditd beside it: each noticed and mended; nobody else's rules are touched."""
    with audit_of_our_own():
        return audit_alone(work)


def audit_alone(work):
    tree = f"{work}/tree"
    os.mkdir(tree)
    run("auditctl", "-e", "1")
    wipe()
    other = others(work)
    want(len(other) == 2, f"the test's own rules were not loaded: {rules()}")
    daemon = Daemon(work, [tree], rules="critical", severity="high")
    until(lambda: whole(daemon), "fimd's rules are loaded")
    count = len(ours())
    want(proved(daemon, tree, "a"), "with rules loaded a change is not attributed by audit")
    want(foreign() == other, "fimd changed another's rules")

    wipe()
    until(lambda: daemon.of_action("rules-wiped"), "event rules-wiped")
    until(lambda: daemon.of_action("rules-restored"), "event rules-restored")
    until(lambda: whole(daemon) and len(ours()) == count, f"{count} rules of fimd's stand again")
    want(proved(daemon, tree, "b"), "after -D a change is not attributed by audit")
    other = others(work)

    never(daemon)
    run("auditctl", "-e", "0")
    until(lambda: daemon.of_action("audit-off"), "event audit-off")
    until(lambda: enabled() == 1, "audit is on again")
    want(proved(daemon, tree, "c"), "after -e 0 a change is not attributed by audit")

    # Killed, its rules stay; the next one takes them over and does not double them.
    daemon.kill()
    want(len(ours()) == count, "the rules of a killed fimd are gone by themselves")
    daemon.start()
    until(lambda: whole(daemon), "fimd's rules are loaded")
    want(len(ours()) == count, f"{count} rules became {len(ours())} after a kill")
    want(proved(daemon, tree, "d"), "after a kill a change is not attributed by audit")

    beside = auditd(work, daemon, tree)
    want(foreign() == other, f"fimd changed another's rules: {rules()}")
    want(daemon.stop() == 0, "fimd did not end well")
    want(not ours(), f"rules of fimd's were left behind: {ours()}")
    want(foreign() == other and len(rules()) == len(other), f"at the end another's rules are not as they were: {rules()}")
    want(enabled() == (beside != STARTED), "audit is not left as somebody else switched it last")
    return f"{count} rules of fimd's wiped and restored beside {len(other)} of others; auditd: {beside}"


def never(daemon):
    """A rule that keeps processes from being audited is told, and that it went."""
    def told():
        return [line for line in daemon.status()["degraded"] if "task,never" in line]
    run("auditctl", "-a", "task,never")
    try:
        until(told, "status tells of the rule task,never")
        until(lambda: [d for d in daemon.of_action("audit-degraded") if "task,never" in d["message"]], "event of it")
    finally:
        run("auditctl", "-d", "task,never")
    until(lambda: not told(), "status no longer tells of task,never")


def auditd(work, daemon, tree):
    """auditd is started and stopped beside fimd, by itself and as Debian's unit stops it (-e 0, -D)."""
    if not shutil.which("auditd"):
        return "not installed, NOT TRIED"
    if daemon.status()["attribution"]["audit"]["daemon_pid"]:
        return "another one runs, NOT TRIED"
    conf = f"{work}/auditd"
    os.mkdir(conf)
    with open(f"{conf}/auditd.conf", "w", encoding="utf-8") as f:
        f.write(AUDITD_CONF.format(work=work))
    os.chmod(f"{conf}/auditd.conf", 0o640)
    process = subprocess.Popen(["auditd", "-n", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 5
        while not daemon.status()["attribution"]["audit"]["daemon_pid"]:
            if process.poll() is not None or time.monotonic() > end:
                return "does not start here, NOT TRIED"
            time.sleep(0.05)
        until(lambda: whole(daemon), "fimd's rules stand beside auditd")
        want(proved(daemon, tree, "e"), "beside auditd a change is not attributed by audit")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    run("auditctl", "-e", "0")
    until(lambda: enabled() == 1 and whole(daemon), "audit is whole after auditd went")
    want(proved(daemon, tree, "f"), "after auditd went a change is not attributed by audit")
    return STARTED
