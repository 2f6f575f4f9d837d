"""Serves a file's bytes as a CDN does: ranges, If-Range, 416; and the faults that only show within a body."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.hub_faults import Rule
    from tests.support.hub_repository import Content

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 256 * 1024


def serve_bytes(
    handler: BaseHTTPRequestHandler,
    content: Content,
    *,
    etag: str,
    extra: Mapping[str, str] | None = None,
    rule: Rule | None = None,
    closing: threading.Event | None = None,
) -> None:
    """Answer GET or HEAD for `content`.

    One range at a time, as RFC 9110 has it: a Range that makes no sense, or one whose If-Range names another file, is
    passed over (200 with the whole); one that lies behind the end is refused (416).
    """
    fault = rule.fault.name if rule is not None else ""
    wanted = None if fault == "NO_RANGES" else _range(handler, content.size, etag)
    if wanted == ():
        _head(handler, 416, 0, etag, {"Content-Range": f"bytes */{content.size}", **(extra or {})})
        return
    if wanted is None:
        start, end, status, headers = 0, content.size, 200, dict(extra or {})
    else:
        start, end = wanted
        if fault == "OTHER_RANGE":
            start, end = max(0, start - 1), max(1, end - 1)
        status, headers = 206, {"Content-Range": f"bytes {start}-{end - 1}/{content.size}", **(extra or {})}
    if fault == "OTHER_LENGTH":
        end += 7
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size + 7}"
    _head(handler, status, end - start, etag, headers)
    if handler.command == "HEAD":
        return
    sent = 0
    while start + sent < end:
        size = min(_CHUNK, end - start - sent)
        if fault == "DROP" and rule is not None:
            size = min(size, rule.after - sent)
            if size <= 0:
                handler.close_connection = True
                handler.connection.close()
                return
        if fault in ("STALL", "CRAWL") and rule is not None and closing is not None:
            if sent >= rule.after:
                if closing.wait(0.05 if fault == "CRAWL" else None):
                    return
                size = min(size, 10)
            else:
                size = min(size, rule.after - sent)
        data = content.read(start + sent, size)
        if not data:  # no more than there is
            handler.close_connection = True
            return
        if fault == "FLIP" and sent == 0:
            data = bytes([data[0] ^ 1]) + data[1:]
        handler.wfile.write(data)
        sent += size


def _range(handler: BaseHTTPRequestHandler, size: int, etag: str) -> tuple[int, int] | tuple[()] | None:
    """First byte and the one behind the last; None for the whole file; () where it can't be satisfied."""
    match = _RANGE.fullmatch((handler.headers.get("Range") or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    condition = handler.headers.get("If-Range")
    if condition is not None and condition != etag:
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else ()
    start, end = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < start:
        return None
    return (start, end) if start < size else ()


def _head(handler: BaseHTTPRequestHandler, status: int, length: int, etag: str, extra: Mapping[str, str]) -> None:
    handler.send_response(status)
    fixed = {"Content-Type": "application/octet-stream", "Content-Length": str(length), "Accept-Ranges": "bytes"}
    for name, value in {**fixed, "ETag": etag, **extra}.items():
        handler.send_header(name, value)
    handler.end_headers()
