"""What the tests outside of C share: a fimd in a directory of its own, file systems on loop devices, people.

Everything here puts back what it changes, also when a test fails: use the context managers.
"""
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FIMD_BUILD", os.path.join(ROOT, "build"))


def tool(name):
    return os.path.join(BUILD, name)


def run(*command, check=True, **kw):
    """Runs a command; its output, or an exception that shows it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="surrogateescape", **kw)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


class Fimd:
    """One fimd with its own state, its own control socket and an NDJSON output."""

    def __init__(self, work, watch, rules="none", severity="medium", rule="", extra="", outputs="", env=None, start=True):
        self.work, self.ndjson, self.config = work, f"{work}/events.ndjson", f"{work}/fimd.yaml"
        self.env = {**os.environ, **(env or {})}
        paths = ", ".join(json.dumps(p) for p in watch)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"""state_dir: {work}/state
runtime_dir: {work}/run
policies: []
watch:
  - id: test
    path: [{paths}]
    severity: {severity}
{rule}
attribution: {{rules: {rules}}}
outputs:
  - {{type: file, path: {self.ndjson}, rotate: {{size: 100GiB, keep: 1}}}}
{outputs}
{extra}
""")
        self.process = None
        if start:
            self.start()

    def start(self, wait=True):
        log = open(f"{self.work}/log", "a", encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.work}/run/control.sock")
        self.process = subprocess.Popen([tool("fimd"), "-v", "-c", self.config], stdout=log, stderr=log, env=self.env)
        log.close()
        until = time.monotonic() + 30
        while not os.path.exists(f"{self.work}/run/control.sock"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("fimd did not start:\n" + self.log())
            time.sleep(0.002)
        if wait:
            while self.status()["filling"]["running"]:
                time.sleep(0.02)

    def log(self):
        with open(f"{self.work}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def ctl(self, *args):
        """(exit code, output) of fimctl."""
        done = subprocess.run([tool("fimctl"), "-c", self.config, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="surrogateescape")
        return done.returncode, done.stdout

    def status(self):
        code, out = self.ctl("--json", "status")
        if code not in (0, 1):
            raise RuntimeError(f"status: exit {code}\n{out}\n{self.log()}")
        return json.loads(out)

    def sync(self, timeout=60, delivered=True):
        code, out = self.ctl("sync", *(["--delivered"] if delivered else []), "--timeout", f"{timeout}s")
        if code:
            raise RuntimeError(f"sync: exit {code}\n{out}\n{self.log()}")

    def documents(self):
        """All complete lines of the output, as written."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.ndjson, "rb") as f:
                return [json.loads(line) for line in f.read().split(b"\n")[:-1]]
        return []

    def changes(self, after=0):
        """The documents of file changes with a sequence above `after`."""
        return [d for d in self.documents() if d["event"]["kind"] == "event" and d["event"]["sequence"] > after]

    def states(self):
        """The actions of fimd's own events."""
        return [d["event"]["action"][0] for d in self.documents() if d["event"]["kind"] == "state"]

    def last(self):
        documents = self.documents()
        return documents[-1]["event"]["sequence"] if documents else 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError("fimd did not end within 30 s of SIGTERM:\n" + self.log()) from None
        return self.process.returncode if self.process else None


@contextlib.contextmanager
def workplace(base="/var/tmp"):
    """A directory of its own."""
    work = tempfile.mkdtemp(prefix="fimd-test.", dir=base)
    os.chmod(work, 0o755)  # other users act below it
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def fimd(watch, **kw):
    """A running fimd that watches the paths."""
    with workplace() as work:
        daemon = Fimd(work, watch, **kw)
        try:
            yield daemon
        finally:
            daemon.stop()


@contextlib.contextmanager
def filesystem(kind, size="1G"):
    """A mounted file system of this kind: tmpfs, ext4, xfs, btrfs, btrfs-subvolume or overlay; gives its directory."""
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(workplace())
        target = f"{work}/mnt"
        os.mkdir(target)
        stack.callback(lambda: run("umount", "-l", target, check=False))
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", target)
        elif kind == "overlay":
            for name in ("lower", "upper", "work"):
                os.mkdir(f"{work}/{name}")
            run("mount", "-t", "overlay", "-o", f"lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work",
                "overlay", target)
        else:
            fs, _, subvolume = kind.partition("-")
            run("truncate", "-s", size, f"{work}/image")
            run(f"mkfs.{fs}", "-q", *(["-F"] if fs == "ext4" else ["-f"]), f"{work}/image")
            run("mount", "-o", "loop", f"{work}/image", target)
            if subvolume:
                run("btrfs", "subvolume", "create", f"{target}/@")
                run("umount", target)
                run("mount", "-o", "loop,subvol=@", f"{work}/image", target)
        yield target


@contextlib.contextmanager
def filesystems(kinds, **kw):
    """One of each kind; gives their directories by kind."""
    with contextlib.ExitStack() as stack:
        yield {kind: stack.enter_context(filesystem(kind, **kw)) for kind in kinds}


def as_login(uid, script, *args):
    """Runs a shell script in a session whose login user is uid (as pam_loginuid would make it); its output."""
    return run("sh", "-c", f'echo {uid} >/proc/self/loginuid && exec sh -c "$0" sh "$@"', script, *args)


@contextlib.contextmanager
def account(name):
    """A real account; gives its entry."""
    run("useradd", "--create-home", "--shell", "/bin/bash", name)
    try:
        yield pwd.getpwnam(name)
    finally:
        run("pkill", "-KILL", "-u", name, check=False)
        run("userdel", "--remove", name, check=False)
