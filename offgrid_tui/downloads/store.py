"""The queue in SQLite. Every function gets the connection of the transaction that it is part of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from offgrid_tui.database.changes import record_change
from offgrid_tui.downloads.model import ACTIVE, Download, DownloadFile, DownloadState, Problem, Waiting, require
from offgrid_tui.system.identity import is_alive

if TYPE_CHECKING:
    import apsw

TOPIC = "downloads"
_FIELDS = (
    "id, key, name, quantisation, repository, revision, publisher, state, waiting, problem, priority, position, done,"
    " model, holder, discard, created, updated"
)


class DownloadStore:
    """The SQL of one home."""

    def __init__(self, owner: str = "local") -> None:
        self._owner = owner

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

    def all(self, conn: apsw.Connection) -> tuple[Download, ...]:
        """In the order of the queue: what is under way first, then what has ended, the newest first."""
        files: dict[str, list[DownloadFile]] = {}
        rows = conn.execute(
            "SELECT download, path, size, sha256, role, repository, url, received FROM download_files"
            " WHERE owner = ? ORDER BY download, position",
            (self._owner,),
        )
        for id, *values in rows:
            files.setdefault(id, []).append(DownloadFile(*values))
        found = conn.execute(
            f"SELECT {_FIELDS} FROM downloads WHERE owner = ? ORDER BY priority DESC, position, id", (self._owner,)
        )
        downloads = [_download(row, tuple(files.get(row[0], ()))) for row in found]
        ended = {DownloadState.INSTALLED, DownloadState.FAILED, DownloadState.CANCELLED}
        return (
            *(one for one in downloads if one.state not in ended),
            *sorted((one for one in downloads if one.state in ended), key=lambda one: -one.updated),
        )

    def one(self, conn: apsw.Connection, id: str) -> Download | None:
        return next((one for one in self.all(conn) if one.id == id), None)

    # ── the queue ──────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, conn: apsw.Connection, wanted: Download) -> Download:
        """Queue `wanted`, unless it is in the list already: then that one, under way again where it had ended.

        The same files under another key are the same download.
        """
        for known in self.all(conn):
            if known.key != wanted.key and not _same_bytes(known, wanted):
                continue
            if known.state in ACTIVE or known.state is DownloadState.QUEUED:
                return known
            files = known.files if _same_files(known, wanted) else wanted.files
            again = replace(
                known,
                files=files,
                revision=known.revision if files is known.files else wanted.revision,
                state=DownloadState.QUEUED,
                waiting=None,
                problem=None,
                model="",
                discard=False,
                done=0 if known.state is DownloadState.INSTALLED else known.done,
                updated=wanted.updated,
                position=wanted.position if known.state is not DownloadState.PAUSED else known.position,
            )
            self.put(conn, again)
            return again
        self.put(conn, wanted)
        return wanted

    def last_position(self, conn: apsw.Connection) -> float:
        found = conn.execute("SELECT max(position) FROM downloads WHERE owner = ?", (self._owner,)).get
        return float(found or 0.0)

    def put(self, conn: apsw.Connection, download: Download) -> None:
        """Write all of it."""
        conn.execute(
            f"INSERT OR REPLACE INTO downloads (owner, {_FIELDS}) VALUES (?{', ?' * 18})",
            (
                self._owner,
                download.id,
                download.key,
                download.name,
                download.quantisation,
                download.repository,
                download.revision,
                download.publisher,
                download.state.value,
                download.waiting.value if download.waiting else "",
                None if download.problem is None else json.dumps(asdict(download.problem), ensure_ascii=False),
                download.priority,
                download.position,
                download.done,
                download.model,
                download.holder,
                int(download.discard),
                download.created,
                download.updated,
            ),
        )
        conn.execute("DELETE FROM download_files WHERE owner = ? AND download = ?", (self._owner, download.id))
        conn.executemany(
            "INSERT INTO download_files (owner, download, position, path, size, sha256, role, repository, url,"
            " received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (self._owner, download.id, n, f.path, f.size, f.sha256, f.role, f.repository, f.url, f.received)
                for n, f in enumerate(download.files)
            ],
        )
        record_change(conn, TOPIC, download.id)

    def forget(self, conn: apsw.Connection, ids: Iterable[str]) -> None:
        for id in ids:
            conn.execute("DELETE FROM downloads WHERE owner = ? AND id = ?", (self._owner, id))
            record_change(conn, TOPIC, id)

    def move(self, conn: apsw.Connection, id: str, then: DownloadState, when: float, **fields: Any) -> Download | None:
        """Let the download go to `then`; None where there is none.

        Raises:
            RefusedError: it may not.
        """
        if (found := self.one(conn, id)) is None:
            return None
        require(found, then)
        now = replace(found, state=then, updated=when, **{"waiting": None, "problem": None, **fields})
        self.put(conn, now)
        return now

    # ── who works on it ────────────────────────────────────────────────────────────────────────────────────────────

    def claim(
        self, conn: apsw.Connection, me: str, most: int, when: float, may: Iterable[str] | None, resting: Iterable[str]
    ) -> Download | None:
        """The next download for the process `me`, which holds it from now on; None where nothing is due, or `most` are
        worked on already, by whomever.

        Whoever holds one is known by boot, process and start time: one that is gone holds nothing, whatever a clock
        says.

        Args:
            may: ids that this process works on; None for all.
            resting: ids that are not to be tried just now.
        """
        found = self.all(conn)
        held = {one.id for one in found if one.holder and is_alive(one.holder)}
        if len(held) >= most:
            return None
        wanted, tired = None if may is None else set(may), set(resting)
        for one in found:
            due = one.state is DownloadState.QUEUED or one.state in ACTIVE  # of a process that is gone
            if due and one.id not in held and one.id not in tired and (wanted is None or one.id in wanted):
                taken = replace(one, holder=me, updated=when)
                self.put(conn, taken)
                return taken
        return None

    def release(self, conn: apsw.Connection, id: str, me: str) -> None:
        conn.execute(
            "UPDATE downloads SET holder = '' WHERE owner = ? AND id = ? AND holder = ?", (self._owner, id, me)
        )
        if conn.changes():
            record_change(conn, TOPIC, id)

    def progress(self, conn: apsw.Connection, id: str, done: int, received: Iterable[int], when: float) -> None:
        """Note how far it is, without telling the others: they look now and then."""
        conn.execute(
            "UPDATE downloads SET done = max(done, ?), updated = ? WHERE owner = ? AND id = ?",
            (done, when, self._owner, id),
        )
        conn.executemany(
            "UPDATE download_files SET received = ? WHERE owner = ? AND download = ? AND position = ?",
            [(count, self._owner, id, n) for n, count in enumerate(received)],
        )

    def running(self, conn: apsw.Connection) -> int:
        """Downloads that take from the line now, of all processes."""
        return sum(one.state in ACTIVE and bool(one.holder) and is_alive(one.holder) for one in self.all(conn))


def _same_bytes(one: Download, other: Download) -> bool:
    hashes = [file.sha256 for file in one.files]
    return all(hashes) and hashes == [file.sha256 for file in other.files]


def _same_files(one: Download, other: Download) -> bool:
    """Whether what is here in part of `one` can be gone on with for `other`."""

    def told(download: Download) -> list[tuple[str, str, str]]:
        return [(file.repository, file.path, file.url) for file in download.files]

    wanted = [file.sha256 for file in other.files]
    fits = all(theirs is None or theirs == ours.sha256 for ours, theirs in zip(one.files, wanted, strict=False))
    return told(one) == told(other) and fits and other.revision in ("", one.revision)


def _download(row: tuple[Any, ...], files: tuple[DownloadFile, ...]) -> Download:
    id, key, name, quantisation, repository, revision, publisher, state, waiting, problem, *rest = row
    priority, position, done, model, holder, discard, created, updated = rest
    return Download(
        id=id,
        key=key,
        name=name,
        files=files,
        state=DownloadState(state),
        created=created,
        updated=updated,
        quantisation=quantisation,
        repository=repository,
        revision=revision,
        publisher=publisher,
        waiting=Waiting(waiting) if waiting else None,
        problem=Problem(**json.loads(problem)) if problem else None,
        priority=priority,
        position=position,
        done=done,
        model=model,
        holder=holder,
        discard=bool(discard),
    )
