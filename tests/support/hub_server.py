"""The two servers of the loopback hub: one class of handlers, told apart by the server's name."""

from __future__ import annotations

import json
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.hub_faults import Fault, Request, Rule
from tests.support.hub_repository import Repository, about, entry, git_sha, is_lfs
from tests.support.ranges import serve_bytes

if TYPE_CHECKING:
    from tests.support.hub import LoopbackHub

_SORTS: dict[str, Callable[[Repository], Any]] = {
    "downloads": lambda r: r.downloads,
    "likes": lambda r: r.likes,
    "trendingScore": lambda r: r.trending,
    "lastModified": lambda r: r.updated,
    "createdAt": lambda r: r.updated,
}


class HubServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: LoopbackHub, name: str, tls: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub, self.name = hub, name
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    # ── one request ───────────────────────────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        hub, path = self.server.hub, self.path
        proxied = path.startswith(("http://", "https://"))
        if proxied:  # asked as a proxy: answer for whomever
            parts = urllib.parse.urlsplit(path)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.requests.append(Request(self.server.name, self.command, path, headers, proxied))
        rule = hub.fault_for(self.server.name, path)
        if rule is not None and self._misbehave(rule):
            return
        if self.server.name == "cdn":
            self._cdn(path, rule)
        else:
            self._hub(path)

    def _misbehave(self, rule: Rule) -> bool:
        """True where the fault was the whole answer."""
        match rule.fault:
            case Fault.BLACK_HOLE:
                self.server.hub.closing.wait()
                self.close_connection = True
            case Fault.SLOW_HEADERS:
                self.close_connection = True
                self._each(0.02, b"HTTP/1.1 200 OK\r\n", b"X-Filler: y\r\n")
            case Fault.TRICKLE:
                self.close_connection = True
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
                self._each(0.02, head, b" ")
            case Fault.ENDLESS:
                self.close_connection = True
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
                self._each(0.0, head, b" " * 65536)
            case Fault.PORTAL:
                self.close_connection = True
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
                self.wfile.write(head + b"<html>Please log in</html>" * 100)
            case Fault.GARBAGE:
                self.answer(200, b"<html>\x1b]0;owned\x07 not JSON", "application/json")
            case Fault.WRONG_SHAPE:
                self.answer(200, b'[17, {"id": ["a"], "siblings": 5}, null]', "application/json")
            case Fault.RATE_LIMIT:
                self._error(429, None, "We had to rate limit you", {"RateLimit": f'"api";r=0;t={rule.wait}'})
            case Fault.BUSY:
                self._error(503, None, "Service unavailable", {"Retry-After": str(rule.wait)})
            case Fault.REFUSE:
                self._error(403, None, "Forbidden")
            case Fault.REDIRECT:
                self.answer(302, b"", "text/plain", {"Location": rule.target})
            case _:
                return False
        return True

    def _each(self, pause: float, first: bytes, then: bytes) -> None:
        try:
            self.wfile.write(first)
            while not self.server.hub.closing.is_set():
                self.wfile.write(then)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            pass

    # ── the hub ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _hub(self, path: str) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        if token is not None and token not in self.server.hub.tokens:
            self._error(401, None, "Invalid credentials in Authorization header")
            return
        plain, _, query_text = path.partition("?")
        query = urllib.parse.parse_qs(query_text)
        if plain == "/api/models":
            self._list(query, token)
            return
        parts = [urllib.parse.unquote(part) for part in plain.strip("/").split("/")]
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            name, rest = "/".join(parts[2:4]), parts[4:]
        elif len(parts) >= 5 and parts[2] == "resolve":
            name, rest = "/".join(parts[:2]), parts[2:]
        else:
            self._error(404, None, "Not found")
            return
        repository = self.server.hub.repositories.get(name)
        if repository is None or (repository.private and token not in repository.readers):
            if token is None:  # an anonymous caller is not told which of the two it is
                self._error(401, None, "Invalid username or password.")
            else:
                self._error(404, "RepoNotFound", "Repository not found")
            return
        revision = rest[1] if len(rest) > 1 else "main"
        commit = repository.head if revision == "main" else revision
        if commit not in repository.commits:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        match rest[0] if rest else "info":
            case "info" | "revision":
                blobs = query.get("blobs") == ["true"]
                self._json(about(repository, commit, blobs, None))
            case "tree":
                self._tree(repository, commit, "/".join(rest[2:]), query)
            case "resolve":
                self._resolve(repository, commit, "/".join(rest[2:]), token)
            case _:
                self._error(404, None, "Not found")

    def _list(self, query: dict[str, list[str]], token: str | None) -> None:
        hub = self.server.hub
        words = query.get("search", [""])[0].lower().split()
        author, wanted = query.get("author", [""])[0], set(query.get("filter", []))
        found = [
            repository
            for repository in hub.repositories.values()
            if all(word in repository.name.lower() for word in words)
            and (not author or repository.name.split("/")[0].lower() == author.lower())
            and wanted <= set(repository.tags)
            and (not repository.private or token in repository.readers)
        ]
        found.sort(key=_SORTS[query.get("sort", ["trendingScore"])[0]], reverse=True)
        start = int(query.get("cursor", ["0"])[0])
        size = min(int(query.get("limit", [str(hub.page)])[0]), hub.page)
        page = [about(r, r.head, False, query.get("expand")) for r in found[start : start + size]]
        self._json(page, self._next(query, start + size) if start + size < len(found) else {})

    def _tree(self, repository: Repository, commit: str, folder: str, query: dict[str, list[str]]) -> None:
        below = f"{folder}/" if folder else ""
        files = [(p, c) for p, c in repository.commits[commit].items() if p.startswith(below)]
        if not files:
            self._error(404, "EntryNotFound", f"{folder} does not exist on {commit}")
            return
        entries = [entry(path, content) for path, content in files]
        start, size = int(query.get("cursor", ["0"])[0]), self.server.hub.page
        self._json(entries[start : start + size], self._next(query, start + size) if start + size < len(files) else {})

    def _next(self, query: dict[str, list[str]], cursor: int) -> dict[str, str]:
        text = urllib.parse.urlencode({**query, "cursor": [str(cursor)]}, doseq=True)
        return {"Link": f'<{self.server.hub.url}{self.path.partition("?")[0]}?{text}>; rel="next"'}

    def _resolve(self, repository: Repository, commit: str, path: str, token: str | None) -> None:
        if repository.gated and token not in repository.readers:
            status, words = (401, "and be authenticated") if token is None else (403, "and you are not in the list")
            self._error(status, "GatedRepo", f"Access to model {repository.name} is restricted {words}.")
            return
        content = repository.commits[commit].get(path)
        if content is None:
            self._error(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if not is_lfs(path, content):
            serve_bytes(self, content, etag=git_sha(content), extra=headers)
            return
        hub = self.server.hub
        headers |= {
            "X-Linked-Size": str(content.size),
            "X-Linked-ETag": f'"{content.sha256}"',
            "Location": f"{hub.cdn_url}/{repository.name}/{content.sha256}?Signature={hub.signature}",
        }
        self.answer(302, b"Found. Redirecting", "text/plain", headers)

    # ── the CDN ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _cdn(self, path: str, rule: Rule | None) -> None:
        hub, parts = self.server.hub, urllib.parse.urlsplit(path)
        if urllib.parse.parse_qs(parts.query).get("Signature") != [str(hub.signature)]:
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
            return
        name, _, digest = parts.path.strip("/").rpartition("/")
        repository = hub.repositories.get(name)
        files = [c for files in repository.commits.values() for c in files.values()] if repository else []
        content = next((c for c in files if c.sha256 == digest), None)
        if content is None:
            self.answer(404, b"", "text/plain")
            return
        serve_bytes(self, content, etag=f'"{digest}"', rule=rule, closing=hub.closing)

    # ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Send it whole."""
        self.send_response(status)
        fixed = {"Content-Type": kind, "Content-Length": str(len(body)), "RateLimit": '"api";r=499;t=300'}
        for name, value in {
            **fixed,
            "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
            "X-Request-Id": "Root=1-loopback",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self.answer(200, json.dumps(value).encode(), "application/json; charset=utf-8", headers)

    def _error(self, status: int, code: str | None, text: str, headers: Mapping[str, str] | None = None) -> None:
        extra = {"X-Error-Message": text, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.answer(status, json.dumps({"error": text}).encode(), "application/json; charset=utf-8", extra)
