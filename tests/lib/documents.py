"""What a document must be: every field with its type, as ECS 8 and Auditbeat's readers want them; a field that is not in
the table is a mistake as well. Written from those, not from what fimd's own mapping says.
"""
import base64
import datetime
import ipaddress
import re

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6}|\d{9})Z")


def word(v):
    return isinstance(v, str) and v != ""


def text(v):
    return isinstance(v, str)


def number(v):
    return isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2 ** 63


def boolean(v):
    return isinstance(v, bool)


def date(v):
    if not isinstance(v, str) or not DATE.fullmatch(v):
        return False
    datetime.datetime.strptime(v[:19], "%Y-%m-%dT%H:%M:%S")
    return True


def ip(v):
    try:
        return isinstance(v, str) and bool(ipaddress.ip_address(v))
    except ValueError:
        return False


def matching(pattern):
    return lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None


def among(*words):
    return lambda v: v in words


def some(one):
    return lambda v: isinstance(v, list) and len(v) > 0 and all(map(one, v)) and len(set(v)) == len(v)


def several(one):
    """May name the same twice, and be empty strings' list: arguments."""
    return lambda v: isinstance(v, list) and len(v) > 0 and all(map(one, v))


def base64_of(v):
    return isinstance(v, str) and len(base64.b64decode(v, validate=True)) > 0


id_ = matching(r"\d+")
uuid = matching(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
path = matching(r"/(.|\n)*")
mode = matching(r"[0-7]{4}")
kinds = among("file", "dir", "symlink", "fifo", "socket", "char_device", "block_device")
grade = among("audit", "process", "procfs", "none")

PROGRAM = {"pid": number, "entity_id": base64_of, "name": word, "executable": path, "args": several(text),
           "args_count": number, "start": date}
USER = {"id": id_, "name": word}
SOURCE = {"ip": ip, "address": word}
SESSION = {"id": id_, "tty": word, "method": word}
PROOF = {"id": matching(r"\d+\.\d{3}:\d+"), "syscall": word}
HASH = {"md5": matching("[0-9a-f]{32}"), "sha1": matching("[0-9a-f]{40}"), "sha256": matching("[0-9a-f]{64}")}
OWNERS = {"uid": id_, "gid": id_, "owner": word, "group": word}
XATTRS = {"flags": lambda v: isinstance(v, list), "acl": word, "acl_default": word, "capabilities": word,
          "selinux": word, "xattrs": some(word)}

FIELDS = {
    "@timestamp": date,
    "message": word,
    "tags": some(word),
    "labels": None,
    "ecs": {"version": matching(r"8\.\d+\.\d+")},
    "service": {"type": among("file_integrity")},
    "data_stream": {"type": among("logs"), "dataset": word, "namespace": word},
    "event": {"id": matching("[0-9a-f]{28}"), "kind": among("event", "state"), "category": some(word), "type": some(word),
              "action": some(word), "outcome": among("success"), "sequence": number, "created": date, "ingested": date,
              "severity": among(1, 21, 47, 73, 99), "risk_score": among(1, 21, 47, 73, 99),
              "module": among("file_integrity"), "dataset": word, "provider": among("fimd")},
    "file": {"path": path, "directory": path, "name": word, "extension": word, "target_path": word,
             "Ext": {"original": {"path": path}}, "type": kinds, "device": matching("[0-9a-f]{4,}"), "inode": id_,
             "mode": mode, **OWNERS, "size": number, "mtime": date, "ctime": date, "setuid": boolean, "setgid": boolean,
             "hash": HASH},
    "process": {**PROGRAM, "command_line": text, "working_directory": path, "interactive": boolean, "user": USER,
                "group": USER, "real_user": USER, "parent": PROGRAM},
    "user": {**USER, "effective": USER, "audit": USER},
    "source": SOURCE,
    "rule": {"id": word, "name": word, "ruleset": word},
    "related": {"hash": some(word), "user": some(word), "hosts": some(word), "ip": some(ip)},
    "host": {"name": word, "hostname": word, "id": word, "architecture": word, "ip": some(ip),
             "os": {"type": among("linux"), "platform": word, "family": word, "name": word, "version": word, "full": word,
                    "kernel": word}},
    "agent": {"type": among("fimd"), "name": word, "version": word, "id": uuid, "ephemeral_id": uuid},
    "fimd": {"source": among("fanotify", "scan", "start"), "attribution": grade, "chain": matching("[0-9a-f]{64}"),
             "changes": some(word), "notes": some(word), "links": number, "rdev": matching(r"\d+:\d+"),
             "path_bytes": base64_of, "moved_to": path, "moved_to_bytes": base64_of, "details": None, **XATTRS,
             "session": SESSION, "audit": PROOF,
             "ancestors": [{"pid": number, "name": word, "executable": path}], "actors_more": boolean,
             "actors": [{"attribution": grade, "chain": word, "user": USER, "effective": USER, "source": SOURCE,
                         "session": SESSION, "audit": PROOF, "process": PROGRAM}],
             "previous": {"sequence": number, "path": path, "path_bytes": base64_of, "target_path": word, "type": kinds,
                          "device": matching("[0-9a-f]{4,}"), "rdev": matching(r"\d+:\d+"), "inode": id_, "mode": mode,
                          **OWNERS, "size": number, "mtime": date, "ctime": date, "links": number, "hash": HASH,
                          **XATTRS}},
}

# What every reader may rely on, and what Auditbeat's dashboard and Elastic's FIM integration read of a file.
ALWAYS = ("@timestamp", "message", "ecs.version", "service.type", "data_stream.type", "data_stream.dataset",
          "data_stream.namespace", "event.id", "event.sequence", "event.kind", "event.category", "event.type", "event.action",
          "event.outcome", "event.created", "event.severity", "event.risk_score", "event.module", "event.dataset",
          "event.provider", "host.name", "host.hostname", "host.id", "host.architecture", "host.os.type", "host.os.platform",
          "host.os.name", "host.os.version", "host.os.kernel", "agent.type", "agent.name", "agent.version", "agent.id",
          "agent.ephemeral_id", "related.hosts", "fimd.chain")
OF_A_CHANGE = ("file.path", "file.directory", "file.name", "file.type", "file.inode", "file.device", "file.mode", "file.uid",
               "file.gid", "file.size", "file.mtime", "file.ctime", "fimd.source", "fimd.attribution")
TYPES = {"created": "creation", "deleted": "deletion", "updated": "change", "attributes_modified": "change",
         "moved": "change", "config_change": "change", "initial_scan": "info"}


def get(document, name):
    """document["a"]["b"] by "a.b"; None where there is none."""
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def walk(value, table, name, mistakes):
    if table is None:  # keys of the person's own
        mistakes += [f"{name}.{k} = {v!r}" for k, v in value.items() if not text(v)]
    elif isinstance(table, dict):
        if not isinstance(value, dict) or not value:
            mistakes.append(f"{name} is no object, or empty: {value!r}")
            return
        for key, inner in value.items():
            if key not in table:
                mistakes.append(f"{name}.{key} is no known field: {inner!r}")
            else:
                walk(inner, table[key], f"{name}.{key}" if name else key, mistakes)
    elif isinstance(table, list):
        for inner in value:
            walk(inner, table[0], name, mistakes)
    else:
        try:
            good = table(value)
        except ValueError:
            good = False
        if not good:
            mistakes.append(f"{name} = {value!r}")


def relations(d):
    """What one field says of another."""
    user, audit = get(d, "user.id"), get(d, "user.audit.id")
    if user != audit:
        yield f"user.id {user} and user.audit.id {audit} differ"
    if get(d, "process.user.id") != get(d, "user.effective.id"):
        yield "process.user and user.effective differ"
    if get(d, "process.args") and get(d, "process.args_count") != len(get(d, "process.args")):
        yield "process.args_count is not the number of process.args"
    if get(d, "process.parent.pid") and get(d, "fimd.ancestors") and \
            get(d, "process.parent.pid") != d["fimd"]["ancestors"][0]["pid"]:
        yield "process.parent is not the first of fimd.ancestors"
    if get(d, "source.ip") and get(d, "source.ip") not in (get(d, "related.ip") or []):
        yield "source.ip is missing in related.ip"
    for name in ("user.name", "user.effective.name"):
        if get(d, name) and get(d, name) not in (get(d, "related.user") or []):
            yield f"{name} is missing in related.user"
    for h in (get(d, "file.hash") or {}).values():
        if h not in (get(d, "related.hash") or []):
            yield "a digest is missing in related.hash"
    actors = get(d, "fimd.actors") or []
    if actors and get(actors[0], "process.pid") != get(d, "process.pid"):
        yield "the first of fimd.actors is not process"
    if get(d, "fimd.attribution") == "audit" and not get(d, "fimd.audit.id"):
        yield "attribution by audit without the record"
    if d["event"]["severity"] != d["event"]["risk_score"]:
        yield "event.risk_score is not event.severity"


def of_a_change(d):
    actions = d["event"]["action"]
    if set(d["event"]["type"]) != {TYPES.get(a) for a in actions if a in TYPES}:
        yield f"event.type {d['event']['type']} does not fit event.action {actions}"
    if d["event"]["category"] != ["file"]:
        yield f"event.category {d['event']['category']}"
    if d["file"]["directory"].rstrip("/") + "/" + d["file"]["name"] != d["file"]["path"]:
        yield "file.directory and file.name are not file.path"
    if get(d, "file.type") == "file" and d["file"]["size"] < 10 ** 9 and not get(d, "fimd.notes") and \
            "deleted" not in actions and set(get(d, "file.hash") or {}) != {"md5", "sha1", "sha256"}:
        yield f"digests: {sorted(get(d, 'file.hash') or {})}"


def mistakes(document):
    """All that is wrong with it, as texts."""
    found = []
    walk(document, FIELDS, "", found)
    change = get(document, "event.kind") == "event"
    for name in ALWAYS + (OF_A_CHANGE if change else ()):
        if get(document, name) is None:
            found.append(f"{name} is missing")
    if not found:
        found += list(relations(document)) + (list(of_a_change(document)) if change else [])
    return found
