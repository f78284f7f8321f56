"""One Elasticsearch or OpenSearch node by contrib/testnode, and what the tests ask it."""
import base64
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

TESTNODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "testnode")
PAGE = 2000


class Unavailable(Exception):
    """No node to be had here: no Java, no Maven, or no network to fetch it by."""


class Node:
    def __init__(self, kind, *settings):
        self.kind, self.context, self.authorization = kind, None, None
        for program in ("java", "mvn"):
            if not shutil.which(program):
                raise Unavailable(f"{program} is missing")
        self.url = self.testnode("start", *settings)
        self.dir = self.testnode("dir")
        if self.url.startswith("https"):
            self.context = ssl.create_default_context(cafile=f"{self.dir}/ca.crt")
            self.authorization = "Basic " + base64.b64encode(b"elastic:testnode").decode()

    def testnode(self, command, *settings):
        done = subprocess.run([TESTNODE, command, self.kind, *settings], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode:
            raise (Unavailable if "could not copy" in done.stderr else RuntimeError)(done.stderr)
        return done.stdout.strip()

    def ask(self, method, path, body=None):
        """(status, answer)"""
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as reply:
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def documents(self, index):
        """All that are there: [(id, document)], by sequence."""
        self.ask("POST", f"/{index}/_refresh")
        found, after = [], None
        while True:
            body = {"size": PAGE, "sort": ["event.sequence", "event.id"]}
            if after:
                body["search_after"] = after
            code, answer = self.ask("POST", f"/{index}/_search", body)
            if code != 200:
                raise RuntimeError(f"_search: {code} {answer}")
            hits = answer["hits"]["hits"]
            if not hits:
                return found
            found += [(hit["_id"], hit["_source"]) for hit in hits]
            after = hits[-1]["sort"]


@contextlib.contextmanager
def node(kind, *settings):
    """A new, empty node; ended also when the test fails."""
    try:
        yield Node(kind, *settings)
    finally:
        subprocess.run([TESTNODE, "stop", kind], stdout=subprocess.DEVNULL, check=False)
