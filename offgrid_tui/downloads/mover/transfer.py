"""The files of one order, one after the other: tried again while that makes sense, held to what was promised."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.downloads.contract import Kind, Order, OrderedFile, Said
from offgrid_tui.downloads.errors import DiskFull, HashDiffers, ReplacedUpstream, WrongLength, WrongRange
from offgrid_tui.downloads.model import Waiting
from offgrid_tui.downloads.mover.control import Control
from offgrid_tui.downloads.mover.pace import Pace, Watchdog
from offgrid_tui.downloads.mover.part import Part
from offgrid_tui.downloads.mover.remote import Answer, Remote
from offgrid_tui.downloads.mover.wire import Wire
from offgrid_tui.downloads.pace import delay
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.errors import BadAnswer, NetworkError, TooManyRequests

if TYPE_CHECKING:
    import httpx2

_FOREVER = 10 * 365 * 86400.0  # seconds that a call may take: a transfer has no end of its own
_SENSELESS = 6  # answers in a row that make no sense and bring nothing, before it is given up


class Transfer:
    """Raises Stop where somebody wants that, and OffGridError where trying again makes no sense."""

    def __init__(self, order: Order, access: NetworkAccess, control: Control, wire: Wire) -> None:
        self._order = order
        self._access = access
        self._control = control
        self._wire = wire
        self._folder = Path(order.folder)
        self._pace = Pace(control)
        self._hosts: set[str] = set()  # that bytes came from
        self._commits: dict[str, str] = {}  # by repository, as the hub named them
        self._told = 0.0
        self.part: Part | None = None

    def run(self) -> None:
        bounds = self._access.bounds(self._order.purpose, seconds=_FOREVER, largest=None)
        with self._access.client(bounds) as client:
            for file in self._order.files:
                self._fetch(client, file)

    def save(self) -> None:
        """Note what came, in whatever thread."""
        if (part := self.part) is not None:
            part.save()

    def _fetch(self, client: httpx2.Client, file: OrderedFile) -> None:
        if file.repository in self._commits:  # not "main" any more: all files of one model are of one commit
            commit = self._commits[file.repository]
            file = replace(file, address=file.address.replace("/resolve/main/", f"/resolve/{commit}/", 1))
        part = Part(
            self._folder,
            file.number,
            file.name,
            _source(file),
            self._order.interval,
            self._order.patience.save,
            file.sha256 or "",
        )
        self.part = part
        try:
            self._open(file, part)
            if not part.whole:
                remote = Remote(self._access, client, file)
                self._receive_all(remote, file, part)
        finally:
            with contextlib.suppress(OffGridError):  # what failed is on its way up already
                part.save()
            part.close()
        self._wire.say(
            Said(
                Kind.ARRIVED,
                file.number,
                done=part.offset,
                verified=part.offset,
                size=part.offset,
                sha256=part.journal.sha256,
                commit=part.journal.commit,
            )
        )

    def _open(self, file: OrderedFile, part: Part) -> None:
        """Open the part, as soon as there is room for that."""
        while True:
            try:
                part.open(lambda: self._step(file, part))
                return
            except DiskFull as full:
                self._wait_for_space(file, part, full)

    def _receive_all(self, remote: Remote, file: OrderedFile, part: Part) -> None:
        failures = 0
        while not part.whole:
            before = part.offset
            try:
                self._require_room(file, part)
                if not self._complete(file, part):
                    self._receive(remote, file, part)
                self._finish(file, part)
            except DiskFull as full:
                self._wait_for_space(file, part, full)
            except TooManyRequests as error:
                failures += 1
                wait = delay(failures, self._order.patience) if error.wait is None else error.wait
                self._wait(file, part, Waiting.REST, min(wait, self._order.patience.rest), error)
            except (NetworkError, BadAnswer) as error:
                failures = 1 if part.offset > before else failures + 1
                can_not = isinstance(error, WrongRange) and failures > 1
                if can_not or (isinstance(error, WrongLength) and error.endless):
                    part.restart()  # it can't go on with what is here; or what is here may be anything
                if isinstance(error, BadAnswer) and failures >= _SENSELESS:
                    raise
                asked = getattr(error, "wait", None)
                wait = delay(failures, self._order.patience) if asked is None else asked
                self._wait(file, part, Waiting.NETWORK, min(wait, self._order.patience.rest), error)

    def _receive(self, remote: Remote, file: OrderedFile, part: Part) -> None:
        """One connection, until the end of the file or of the connection."""
        self._control.check()
        remote.look()
        self._hold_to_promise(remote, file, part)
        answer = remote.open(part.offset, part.journal.etag, part.journal.host)
        if answer is None:
            return
        try:
            self._take(answer, file, part)
        finally:
            answer.response.close()
        if answer.ends is not None and part.offset < answer.ends:
            if not answer.sized:
                part.restart()  # as the page of a captive portal would be: nothing said what it is
            raise WrongLength(answer.host, answer.ends, part.offset)

    def _take(self, answer: Answer, file: OrderedFile, part: Part) -> None:
        if answer.offset != part.offset:
            part.restart()
        if answer.host not in self._hosts:
            self._hosts.add(answer.host)
            self._wire.say(Said(Kind.REACHED, file.number, title=clean_line(answer.host)))
        part.learn(etag=answer.etag, host=answer.host, size=answer.size or part.journal.size)
        if file.size is None and answer.size:
            self._wire.say(Said(Kind.PINNED, file.number, size=answer.size))
        watchdog = Watchdog(answer.host, self._order.patience, lambda: self._control.limit)
        self._tell(file, part, now=True)
        for piece in answer.pieces():
            part.write(piece)
            if part.due:
                part.save()
                self._require_room(file, part)
            self._step(file, part)
            watchdog.saw(len(piece), self._pace.take(len(piece)))

    def _hold_to_promise(self, remote: Remote, file: OrderedFile, part: Part) -> None:
        """Compare what the hub says now with what was promised; take over what was not."""
        said = remote.promised
        if file.sha256 and said.sha256 and said.sha256 != file.sha256:
            raise ReplacedUpstream(file.name, f"SHA-256 {file.sha256}", said.sha256)
        if file.size is not None and said.size is not None and said.size != file.size:
            raise ReplacedUpstream(file.name, f"{file.size} bytes", f"{said.size} bytes")
        if said.commit and file.repository:
            self._commits.setdefault(file.repository, said.commit)
        known = part.journal
        if known.promised and said.sha256 and known.promised != said.sha256:
            part.restart()  # it changed while it came, and nobody vouches for either: take it whole, as it is now
        if (said.commit, said.sha256) != (known.commit, known.promised) and (said.commit or said.sha256):
            part.learn(commit=said.commit, promised=said.sha256)
            self._wire.say(Said(Kind.PINNED, file.number, size=said.size, sha256=said.sha256, commit=said.commit))

    def _complete(self, file: OrderedFile, part: Part) -> bool:
        size = file.size if file.size is not None else part.journal.size
        return size is not None and part.offset == size

    def _finish(self, file: OrderedFile, part: Part) -> None:
        """All bytes came: compare, and have it on disk.

        Raises:
            HashDiffers: the file is put aside.
        """
        expected = file.sha256 or part.journal.promised
        if expected and part.digest() != expected:
            found = part.digest()
            raise HashDiffers(file.name, expected, found, str(part.put_aside()))
        part.finish()

    # ── waiting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _require_room(self, file: OrderedFile, part: Part) -> None:
        """Go on only if what is still to come of this file fits, and the reserve stays."""
        try:
            free = read_disk(self._folder).free
        except OSError:
            return  # writing will say it
        size = file.size if file.size is not None else part.journal.size
        needed = self._order.reserve + max(0, (size or 0) - part.offset)
        if free < needed:
            raise DiskFull(str(self._folder.parent.parent), needed, free)

    def _wait_for_space(self, file: OrderedFile, part: Part, full: DiskFull) -> None:
        self._wait(file, part, Waiting.SPACE, self._order.patience.space, full)

    def _wait(self, file: OrderedFile, part: Part, why: Waiting, seconds: float, error: OffGridError) -> None:
        with contextlib.suppress(OffGridError):  # a full disk: the journal before stands
            part.save()
        self._wire.say(
            Said(
                Kind.WAITING,
                file.number,
                done=part.offset,
                verified=part.verified,
                waiting=why.value,
                seconds=round(seconds, 2),
                title=clean_line(error.title),
                detail=clean_line(error.detail, 500),
                mend=clean_line(error.mend),
            )
        )
        self._control.pause(seconds)

    def _step(self, file: OrderedFile, part: Part) -> None:
        self._control.check()
        self._tell(file, part)

    def _tell(self, file: OrderedFile, part: Part, *, now: bool = False) -> None:
        moment = time.monotonic()
        if now or moment - self._told >= self._order.patience.tell:
            self._told = moment
            done = max(part.offset, part.verified)
            self._wire.say(Said(Kind.PROGRESS, file.number, done=done, verified=part.verified))


def _source(file: OrderedFile) -> str:
    """What the bytes are of: the same promise, wherever it is fetched from; else the file by its name."""
    if file.sha256:
        return f"sha256:{file.sha256}"
    return f"{file.repository}/{file.name}" if file.repository else file.address
