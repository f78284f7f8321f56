"""Killed at any moment: fimd, its network process, and fimd in the middle of the first baseline."""
import contextlib
import gzip
import http.server
import json
import os
import random
import signal
import threading
import time

from account import Daemon, check_all, check_numbers, check_proof, load, many, of_source, told, until, want

ROUNDS = int(os.environ.get("FIMD_KILL_ROUNDS", "100"))
SEED = int(os.environ.get("FIMD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def kill_daemon(work):
    """Every file that is there is known, no event is missing or stands twice, over kill -9 at any moment."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    chance = random.Random(SEED)
    daemon = Daemon(work, [tree], start=False)
    watched = 0
    daemon.start()
    with load(tree, SEED) as steps:
        for turn in range(ROUNDS):
            # From the first instructions on to some hundred milliseconds of watching.
            time.sleep(chance.uniform(0, 0.45))
            want(daemon.process.poll() is None, f"round {turn}: fimd ended by itself\n{daemon.log()[-2000:]}")
            watched += os.path.exists(f"{work}/run/control.sock")
            daemon.kill()
            if turn % 10 == 9:
                check_proof(daemon)
                check_numbers(daemon.documents())
            daemon.launch()
        daemon.kill()
        daemon.start()
    daemon.settle()
    documents = daemon.documents()
    text = check_all(daemon, tree)
    found = len(of_source(documents, "start"))
    starts = sum(1 for a in daemon.states() if a == "started")
    want(daemon.stop() == 0, "fimd did not end well")
    check_numbers(daemon.documents())
    return (f"{ROUNDS} kills (seed {SEED}), {steps.value} operations, {starts} starts recorded: {text}, {found} found by "
            "a start")


def down(work):
    """What changes while fimd is down is told by the next start, with the source `start`; nothing else is."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    many(tree, 20)
    os.mkdir(f"{tree}/d")
    many(f"{tree}/d", 5)
    daemon = Daemon(work, [tree])
    daemon.stop()
    last = daemon.last()
    with open(f"{tree}/n1", "ab") as f:
        f.write(b"more")
    os.unlink(f"{tree}/n2")
    os.chmod(f"{tree}/n3", 0o600)
    os.rename(f"{tree}/n4", f"{tree}/renamed")
    many(tree, 1, "new")
    os.rename(f"{tree}/d", f"{tree}/e")
    daemon.start()
    daemon.settle()
    changes = daemon.changes(last)
    got = {(os.path.relpath(d["file"]["path"], tree), tuple(d["event"]["action"])) for d in changes}
    expected = {("n1", "updated"), ("n2", "deleted"), ("n3", "attributes_modified"), ("new0", "created")}
    named = {(p, a) for p, actions in got for a in actions}
    want(expected <= named, f"not all were told: {sorted(expected - named)} of {sorted(got)}")
    want(all(d["fimd"]["source"] == "start" for d in changes), "a change is told with another source than start")
    now = told(daemon.documents(), {})
    for path in ("renamed", "e", "e/n0", "e/n4"):
        want(now.get(f"{tree}/{path}"), f"{path} is not told")
    for path in ("n4", "d", "d/n0", "d/n4"):
        want(f"{tree}/{path}" in now and not now[f"{tree}/{path}"], f"that {path} went is not told")
    daemon.stop()
    last = daemon.last()
    daemon.start()
    daemon.settle()
    want(not daemon.changes(last), "a start told what had not changed")
    check_numbers(daemon.documents())
    daemon.stop()
    return f"{len(changes)} changes told by the start, none by the one after"


def first_baseline(work):
    """Killed in the middle of the first baseline: what was taken in already is compared, the rest is taken in."""
    tree = f"{work}/tree"
    size = 6000
    for i in range(20):
        os.makedirs(f"{tree}/{i:02d}")
        many(f"{tree}/{i:02d}", size // 20, size=1000)
    daemon = Daemon(work, [tree], extra="scan: {read_rate: 4MiB}", start=False)
    daemon.start(wait=False)
    known = until(lambda: daemon.status()["watching"]["entries"], "the first baseline gets on")
    daemon.kill()
    want(known < size, f"the kill did not meet the first baseline in its middle: {known} of {size}")
    # The first and the last: whichever was taken in already, one of them was.
    changed = [f"{tree}/{d:02d}/n{i}" for d in range(20) for i in (0, 299)]
    for path in changed:
        with open(path, "ab") as f:
            f.write(b"changed while down")
    daemon.start()
    daemon.settle()
    told_of = {d["file"]["path"] for d in daemon.changes()}
    code, out = daemon.ctl("check", "--content")
    want(code == 0, f"the baseline is not what is on disk: check exits {code}\n{out[:1000]}")
    want(told_of <= set(changed), f"told what had not changed: {sorted(told_of - set(changed))[:5]}")
    want(told_of, f"none of {len(changed)} files that changed while fimd was down was told, though {known} were known")
    check_proof(daemon)
    check_numbers(daemon.documents())
    daemon.stop()
    return f"killed with {known} of {size} taken in; {len(told_of)} of {len(changed)} changed files had been, and were told"


# ---- the network process ----

class Bulk(http.server.BaseHTTPRequestHandler):
    """So much of Elasticsearch as takes documents: an id is taken once, the second time it is a conflict."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802, the library's name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.split(b"\n")
        index = self.path.strip("/").split("/")[0]
        items = [{"create": {"_index": index, **self.server.take(index, json.loads(lines[i]), lines[i + 1])}}
                 for i in range(0, len(lines) - 1, 2)]
        if self.server.chance.random() < 0.1:
            time.sleep(0.1)  # so that a kill often meets a request under way
        if self.server.chance.random() < 0.03:
            self.close_connection = True  # taken, but the answer is lost
            self.connection.close()
            return
        answer = json.dumps({"took": 1, "errors": any(i["create"]["status"] > 299 for i in items), "items": items})
        self.answer(answer.encode())

    def do_GET(self):  # noqa: N802
        self.answer(b'{"version": {"number": "8.17.0"}, "tagline": "You Know, for Search"}')

    def answer(self, body):
        self.send_response(200)
        self.send_header("X-elastic-product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Bulk)
        self.documents, self.conflicts, self.lock, self.chance = {}, 0, threading.Lock(), random.Random(SEED)

    def take(self, index, action, document):
        identity = action["create"]["_id"]
        with self.lock:
            taken = self.documents.setdefault(index, {})
            if identity in taken:
                self.conflicts += 1
                return {"_id": identity, "status": 409, "error": {"type": "version_conflict_engine_exception",
                                                                  "reason": "document already exists"}}
            taken[identity] = json.loads(document)
            return {"_id": identity, "status": 201, "result": "created"}

    def handle_error(self, *_):
        pass  # who was killed left the connection


@contextlib.contextmanager
def server(port=0):
    s = Server(port)
    thread = threading.Thread(target=s.serve_forever, daemon=True)
    thread.start()
    try:
        yield s
    finally:
        s.shutdown()
        s.server_close()


def senders(daemon):
    """The pids of fimd's network processes."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                if int(f.read().rpartition(")")[2].split()[1]) == daemon.process.pid:
                    found.append(int(pid))
    return found


def kill_sender(work):
    """Every event is at the server once, though the network processes are killed again and again."""
    tree = f"{work}/tree"
    os.mkdir(tree)
    chance, outputs = random.Random(SEED), 6
    with server() as s:
        lines = "".join(f"  - {{type: elasticsearch, name: es{i}, hosts: ['http://127.0.0.1:{s.server_port}'], "
                        f"index: logs-fim.event-{i}, compression: {'gzip' if i % 2 else 'none'}, "
                        f"batch: {{events: {16 << i}}}}}\n" for i in range(outputs))
        daemon = Daemon(work, [tree], outputs=lines)
        killed = 0
        with load(tree, SEED, pause=0.005) as steps:
            while killed < ROUNDS:
                time.sleep(chance.uniform(0.01, 0.12))
                for pid in senders(daemon):
                    if chance.random() < 0.25:  # some live to deliver, some die before that
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                            killed += 1
        daemon.sync(timeout=90)
        text = check_all(daemon, tree)
        documents = {d["event"]["id"]: d["event"]["sequence"] for d in daemon.documents()}
        for i in range(outputs):
            there = s.documents.get(f"logs-fim.event-{i}", {})
            lost = set(documents) - set(there)
            want(not lost, f"output es{i}: {len(lost)} of {len(documents)} events never came, "
                           f"the first with sequence {min(documents[d] for d in lost) if lost else 0}")
            want(not set(there) - set(documents), f"output es{i} has documents that the journal has not")
        status = daemon.status()
        want(all(o["dead"] == 0 for o in status["outputs"]), f"dead letters: {status['outputs']}")
        want(daemon.process.poll() is None, "fimd died with its network process")
        daemon.stop()
        return (f"{killed} kills of {outputs} network processes (seed {SEED}), {steps.value} operations: {text} at each "
                f"server, {s.conflicts} sent twice and refused as such")
