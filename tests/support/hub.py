"""A hub on loopback that behaves as Hugging Face does, and misbehaves on demand.

Two servers on two ports: the hub (listings, a repository's metadata and tree, `resolve`) and the CDN that `resolve`
sends to. The real huggingface_hub speaks to it, and so does whatever fetches files.

    with LoopbackHub() as hub:
        repository = hub.add("org/model-GGUF", {"model-Q4_K_M.gguf": data})
        hub.misbehave(Fault.BLACK_HOLE, path="/api/models")
        ... hub.url, hub.requests, hub.replace("org/model-GGUF", "model-Q4_K_M.gguf", other)

Of a request only what the tests need is looked at; what it looks at is answered as the hub answered in 2026: the error
codes in X-Error-Code, 401 for what an anonymous caller may not know about, paging by a Link header, `ratelimit` on each
answer, a redirect to a signed address that expires.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.hub_faults import Fault, Request, Rule
from tests.support.hub_repository import Bytes, Content, Repository, Sparse, as_content
from tests.support.hub_server import HubServer

__all__ = ["Bytes", "Fault", "LoopbackHub", "Repository", "Request", "Sparse"]

PAGE = 1000  # items of a listing at most, as on the hub


class LoopbackHub:
    """Both servers. A context manager; `requests` grows with each request, in the order of arrival.

    Args:
        tls: a file with a certificate and its key: both servers speak TLS then.
    """

    def __init__(self, *, tls: Path | None = None, page: int = PAGE) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.tokens: set[str] = set()  # that are valid
        self.page = page
        self.closing = threading.Event()
        self.signature = 1  # of the CDN's links; counting it up lets all that were given out expire
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._hub, self._cdn = HubServer(self, "hub", tls), HubServer(self, "cdn", tls)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._hub.server_port}"
        self.cdn_url = f"{scheme}://127.0.0.1:{self._cdn.server_port}"

    def __enter__(self) -> LoopbackHub:
        for server in (self._hub, self._cdn):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()

    # ── what it holds ─────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, name: str, files: Mapping[str, bytes | Content], **about: Any) -> Repository:
        repository = self.repositories[name] = Repository(name, **about)
        self._commit(repository, {path: as_content(content) for path, content in files.items()})
        return repository

    def replace(self, name: str, path: str, content: bytes | Content | None) -> str:
        """A new commit with another file at `path`, or none there. Returns the commit."""
        repository = self.repositories[name]
        files = dict(repository.files)
        if content is None:
            del files[path]
        else:
            files[path] = as_content(content)
        return self._commit(repository, files)

    def expire_links(self) -> None:
        """Let the CDN refuse every address that was given out until now."""
        self.signature += 1

    def _commit(self, repository: Repository, files: dict[str, Content]) -> str:
        text = json.dumps([repository.name, len(repository.commits), sorted(files)])
        commit = hashlib.sha1(text.encode("utf-8", "surrogatepass")).hexdigest()
        repository.commits[commit] = files
        return commit

    # ── misbehaving ───────────────────────────────────────────────────────────────────────────────────────────────

    def misbehave(
        self,
        fault: Fault,
        *,
        server: str | None = None,
        path: str = "",
        times: int | None = None,
        wait: int = 55,
        target: str = "",
        after: int = 100,
    ) -> None:
        """Do `fault` where a request's path holds `path`, `times` times (None: until `behave`).

        Args:
            after: bytes of the body that DROP sends first.
        """
        self._rules.append(Rule(fault, server, path, times, wait, target, after))

    def behave(self) -> None:
        self._rules.clear()

    def fault_for(self, server: str, path: str) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.server in (None, server) and rule.path in path and rule.times != 0:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return None

    def asked(self, part: str, *, server: str | None = None) -> list[Request]:
        """Requests whose path holds `part`."""
        return [r for r in list(self.requests) if part in r.path and server in (None, r.server)]
