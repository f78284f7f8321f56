"""Hostile clients on the control socket, while changes are made."""
import contextlib
import json
import os
import socket
import time

from account import Daemon, check_all, load, until, want
from floods import bounded, descriptors, memory


def connect(daemon, timeout=5.0):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect(f"{daemon.work}/run/control.sock")
    return s


def ask(daemon, data):
    """What comes back for these bytes, up to the end of the connection."""
    answer = b""
    with contextlib.suppress(OSError), connect(daemon) as s:
        with contextlib.suppress(OSError):
            s.sendall(data)
        while True:
            part = s.recv(65536)
            if not part:
                break
            answer += part
    return answer


NONSENSE = [
    b"\n",
    b"\0" * 1000 + b"\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"{\n",
    b"[]\n",
    b"null\n",
    b"{}\n",
    b'{"command": 7}\n',
    b'{"command": "format-disk"}\n',
    b'{"command": "status"',
    b'{"command": "status"}' + b" " * 70000 + b"\n",
    b"[" * 60000 + b"\n",
    b'{"a":' * 10000 + b"\n",
    b'{"command": "explain", "path": "relative"}\n',
    b'{"command": "explain", "path": "/' + b"x" * 60000 + b'"}\n',
    b'{"command": "explain", "path": {"b64": "!!!"}}\n',
    b'{"command": "scan", "paths": [7, null, {}]}\n',
    b'{"command": "sync", "timeout_ms": -1}\n',
    b'{"command": "sync", "timeout_ms": 1e300}\n',
    b'{"command": "status"}\n{"command": "status"}\n',
    "{\"command\": \"st\u00e4tus\xff\"}\n".encode("latin-1"),
]


def clients(work):
    """Garbage, half requests, a thousand connections, giant lines: nobody else is harmed."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    daemon = Daemon(work, [tree])
    pid = daemon.process.pid
    daemon.ctl("status")
    fds, before = descriptors(pid), memory(pid)
    with load(tree, 9, pause=0.003) as steps:
        for data in NONSENSE:
            ask(daemon, data)
            daemon.alive()
        for size in (1 << 20, 20 << 20):  # a line without an end
            ask(daemon, b'{"command": "' + b"x" * size)
        bounded(pid, memory(pid) - before, 8 * 1024, "giant lines are kept in memory")
        many_connections(daemon)
        slow_readers(daemon)
        daemon.alive()
        code, out = until(lambda: answered(daemon), "fimctl is answered after the crowd went", 15)
        want(code in (0, 1), f"status: exit {code}\n{out}")
    daemon.settle()
    text = check_all(daemon, tree)
    until(lambda: len(descriptors(pid)) <= len(fds), f"the connections are closed again ({len(fds)} before)", 40)
    grown = memory(pid) - before
    bounded(pid, grown, 16 * 1024, "the clients cost memory")
    daemon.stop()
    return f"{len(NONSENSE)} sorts of nonsense, 1,000 connections, {steps.value} operations meanwhile: {text}"


def answered(daemon):
    code, out = daemon.ctl("--json", "status")
    return (code, out) if code in (0, 1) else None


def many_connections(daemon):
    """A thousand at once, each with half a request. Who waits its turn is not kept for long."""
    held, refused = [], 0
    for _ in range(1000):
        try:
            s = connect(daemon, timeout=0.05)
            s.setblocking(False)
            s.send(b'{"command": "sta')
            held.append(s)
        except OSError:
            refused += 1
    daemon.alive()
    begun = time.monotonic()
    # They hold on to their half requests; whoever asks properly is answered within the time they are given.
    until(lambda: answered(daemon), "an honest client is answered beside a thousand dishonest ones", 20)
    waited = time.monotonic() - begun
    for s in held:
        s.close()
    want(waited < 15, f"an honest client waited {waited:.1f} s")


def slow_readers(daemon):
    """They ask and never read."""
    held = []
    for _ in range(10):
        with contextlib.suppress(OSError):
            s = connect(daemon)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.sendall(json.dumps({"command": "status"}).encode() + b"\n")
            held.append(s)
    until(lambda: answered(daemon), "an honest client is answered beside those who never read", 20)
    for s in held:
        s.close()
