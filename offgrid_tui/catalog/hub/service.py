"""Finds models on Hugging Face, and remembers them: what the screen and the commands call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.fields import BadEntry
from offgrid_tui.catalog.hub import api, store
from offgrid_tui.catalog.hub.errors import BadName, FileMissing, Gated, RepositoryMissing
from offgrid_tui.catalog.hub.files import rough_size, safe_path, spellings
from offgrid_tui.catalog.hub.listing import is_repository
from offgrid_tui.catalog.hub.model import Details, Found, Newest, Search
from offgrid_tui.catalog.model import CatalogModel, Variant
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import NotFoundError, OffGridError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.remote import RemoteError, RemoteSource, read_remote
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.errors import TooManyRequests, TooSlow

if TYPE_CHECKING:
    from offgrid_tui.gguf.header import Header
    from offgrid_tui.network.guard import Bounds

T = TypeVar("T")

FRESH = 600.0  # seconds for which an answer is given again without asking
SCAN = 1000  # repositories looked at for one search, at most: a page of the hub's own
_LEAST_SCAN = 200  # where a quantisation or a size is asked for, of which the hub knows nothing
_GRACE = 1.0  # seconds beyond a call's own time, after which its thread is given up
_HEADER_SECONDS = 4.0  # times the deadline: a header is a few requests
_LONGEST_REST = 900.0  # seconds that a hub is left alone when it asks for it; its own window has 300
_CHUNK = 100  # rows written in one transaction


class HubService:
    """Search, details, what a repository holds now, and far headers. Live in the loop that made it; `close` it there.

    Without a network, in off-grid mode or where the hub does not answer, `search` and `details` give what was seen
    before, with its age and the reason. Equal questions at the same time are asked once.

    Args:
        publishers: who is known; asked once, off the loop, when the first model is read.
    """

    def __init__(
        self,
        database: Database,
        access: NetworkAccess,
        publishers: Callable[[], Publishers],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._access = access
        self._publishers = cache(publishers)
        self._clock = clock or SystemClock()
        self._rest_until = 0.0  # on the monotonic clock: the hub wants to be left alone until then
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def close(self) -> None:
        """Give up what is being asked."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.to_thread(self._access.close)

    # ── searching ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def search(self, search: Search, *, offline: bool = False, fresh: float = FRESH) -> Found:
        """One page of models.

        Args:
            offline: ask nobody.
            fresh: an answer that is at most so many seconds old is given again.

        Raises:
            UsageError: no such page.
        """
        search = _checked(search)
        if offline:
            return await self._seen_before(search, None)
        try:
            if self._access.hub_allowed:  # off the grid an answer is one from before, however young it is
                since = self._clock.wall() - fresh
                held = await self._database.read(lambda conn: store.answered(conn, search, since, self._publishers()))
                if held is not None:
                    return self._found(search, held[0], more=held[1], seen=held[2])
            self._access.require_hub("search Hugging Face")
            return await self._once(("search", search), partial(self._search, search))
        except OffGridError as problem:
            return await self._seen_before(search, problem)

    async def _search(self, search: Search) -> Found:
        seen = self._clock.wall()
        needed = search.page * search.limit
        filtering = bool(search.quantisation) or search.max_size is not None
        count = min(SCAN, max(_LEAST_SCAN, needed * 4) if filtering else needed + 1)
        while True:
            rows, full = await self._ask("search Hugging Face", partial(self._listed, search, count, seen))
            fitting = [row.model for row in rows if _narrowed(row.model, search)]
            if not filtering or len(fitting) > needed or not full or count == SCAN:
                break
            count = SCAN
        more = len(fitting) > needed or (full and not filtering and count < SCAN)
        page = fitting[needed - search.limit : needed]
        await self._keep(rows)
        names = [model.variants[0].repository for model in page]
        await self._database.write(lambda conn: store.keep_search(conn, search, names, more, seen))
        found = self._found(search, page, more=more, seen=seen, cached=False)
        unsized = sum(_is_unsized(row.model, search) for row in rows)
        return replace(found, unsized=unsized)

    def _listed(self, search: Search, count: int, seen: float, bounds: Bounds) -> tuple[list[api.Row], bool]:
        return api.search(self._access, bounds, search, count, self._publishers(), seen)

    async def _seen_before(self, search: Search, problem: OffGridError | None) -> Found:
        models, more = await self._database.read(lambda conn: store.seen_before(conn, search, self._publishers()))
        return self._found(search, models, more=more, seen=None, problem=problem)

    def _found(
        self,
        search: Search,
        models: Iterable[CatalogModel],
        *,
        more: bool,
        seen: float | None,
        cached: bool = True,
        problem: OffGridError | None = None,
    ) -> Found:
        narrowed = tuple(model for found in models if (model := _narrowed(found, search)) is not None)
        ages = [model.seen for model in narrowed if model.seen is not None]
        return Found(search, narrowed, more, cached, seen if seen is not None else min(ages, default=None), problem)

    async def everything(self) -> tuple[CatalogModel, ...]:
        """All that was ever seen, most downloaded first: for the one list of all models."""
        rows = await self._database.read(store.everything)
        return await asyncio.to_thread(store.decoded, rows, self._publishers)  # seconds, where there are 50,000

    # ── one repository ────────────────────────────────────────────────────────────────────────────────────────────

    async def details(
        self, repository: str, *, revision: str | None = None, offline: bool = False, fresh: float = FRESH
    ) -> Details:
        """The files of `repository` with sizes and hashes, at its newest commit or at `revision`.

        Raises:
            BadName: `repository` is no name of one.
            RepositoryMissing, RevisionMissing, FileMissing: there is none, or it has no GGUF files.
            OffGridError: nobody could be asked, and it was not seen before.
        """
        _require_names(repository, revision)
        held = await self._database.read(lambda conn: store.one(conn, repository, self._publishers()))
        if held is not None and (not held[1] or (revision is not None and held[0].variants[0].revision != revision)):
            held = None  # only listed, or of another commit
        problem: OffGridError | None = None
        old = held is None or (held[0].seen or 0.0) < self._clock.wall() - fresh
        if not offline and (old or not self._access.hub_allowed):
            try:
                self._access.require_hub(f"look at {repository}")
                return await self._once(("details", repository, revision), partial(self._details, repository, revision))
            except NotFoundError:
                raise
            except OffGridError as error:
                problem = error
        if held is None:
            raise problem or NotFoundError(
                f"{clean_line(repository)} was not looked at before",
                mend="Ask for it once with the network: its files are remembered.",
            )
        model = held[0]
        return Details(model, model.variants[0].revision or "", True, model.seen or 0.0, problem)

    async def _details(self, repository: str, revision: str | None) -> Details:
        seen = self._clock.wall()
        try:
            whole = await self._ask(
                f"look at {repository}",
                lambda bounds: api.details(self._access, bounds, repository, revision, self._publishers(), seen),
            )
        except RepositoryMissing:
            await self._database.write(lambda conn: store.forget(conn, repository))
            raise
        if revision is None:
            await self._keep([api.Row(whole.model, whole.trending)])
        return Details(whole.model, whole.commit, False, seen, refused=whole.refused)

    async def newest(self, repository: str) -> Newest:
        """What `repository` holds now: for an update check, which compares a receipt with it (library/upstream.py).
        The hub is asked each time, and nothing is remembered.

        Raises:
            BadName: `repository` is no name of one.
            RefusedError: off-grid mode.
            RepositoryMissing: it is gone.
            OffGridError: the hub could not be asked.
        """
        _require_names(repository, None)
        purpose = f"look for updates of {repository}"
        self._access.require_hub(purpose)
        ask = partial(self._ask, purpose, lambda bounds: api.newest(self._access, bounds, repository))
        return await self._once(("newest", repository), ask)

    # ── headers ───────────────────────────────────────────────────────────────────────────────────────────────────

    def address(self, variant: Variant) -> tuple[str, ...]:
        """Where the weights of `variant` can be fetched, in the order of their parts."""
        return tuple(
            file.url or self.file_address(file.repository or variant.repository, file.path, variant.revision)
            for file in variant.weights
        )

    def file_address(self, repository: str, path: str, revision: str | None = None) -> str:
        """Where one file can be fetched.

        Raises:
            BadName: a name is none, or leads out of its repository.
        """
        _require_names(repository, revision)
        try:
            path = safe_path(path)
        except BadEntry:
            raise BadName("file", str(path)) from None
        return f"{self._access.hub}/{repository}/resolve/{quote(revision or 'main', safe='')}/{quote(path)}"

    async def header(self, variant: Variant) -> Header:
        """The header of a model that is not here, read at the far end: a few megabytes, whatever the file has.

        Raises:
            RefusedError: off-grid mode; `Gated` where its owner wants to be asked first.
            NotFoundError, GgufError, OffGridError: it is not there, is no model, could not be read.
        """
        if not variant.weights:
            raise FileMissing(variant.repository, "with weights")
        self._access.require_hub("read the header of a model")
        try:
            return await self.header_at(self.address(variant))
        except RemoteError as error:
            if error.code == "GatedRepo" or error.status in (401, 403):
                page = f"{self._access.hub}/{variant.repository}"
                raise Gated(variant.repository, page, known=self._access.token() is not None) from None
            raise

    async def header_at(self, addresses: tuple[str, ...]) -> Header:
        """As `header`, of any http or https address; of several, the parts of one model in order."""

        def read(bounds: Bounds) -> Header:
            with self._access.client(bounds) as client:
                return read_remote([RemoteSource(client, address) for address in addresses])

        return await self._once(
            ("header", addresses),
            lambda: self._ask(
                "read the header of a model", read, seconds=self._access.deadline * _HEADER_SECONDS, largest=None
            ),
        )

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(
        self,
        purpose: str,
        question: Callable[[Bounds], T],
        *,
        seconds: float | None = None,
        largest: int | None = 64 * 2**20,
    ) -> T:
        """Put a question in a thread of its own. It ends in time even where the thread does not."""
        seconds = self._access.deadline if seconds is None else seconds
        access = self._access

        if (rest := self._rest_until - self._clock.monotonic()) > 0:
            raise TooManyRequests(access.hub_host, rest)

        def ask() -> T:  # the bounds are made here: that loads the HTTP library, which must not hold up the loop
            return question(access.bounds(purpose, seconds=seconds, largest=largest))

        try:
            return await access.calls.run(ask, seconds + _GRACE, partial(self._late, seconds))
        except TooManyRequests as error:
            if error.host == access.hub_host:
                self._rest_until = self._clock.monotonic() + min(error.wait or 0.0, _LONGEST_REST)
            raise

    def _late(self, seconds: float) -> TooSlow:
        # Whoever sends something now and then keeps a thread and a connection for ever, unless that is closed.
        self._access.close()
        return TooSlow(self._access.hub_host, seconds)

    async def _keep(self, rows: list[api.Row]) -> None:
        for start in range(0, len(rows), _CHUNK):
            await self._database.write(partial(store.keep, rows=rows[start : start + _CHUNK]))

    async def _once(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `ask` gives, asked once for all who want it now. One who gives up does not end it for the others."""
        task: asyncio.Task[T] | None = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(ask())
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # it may be that nobody waits any more


def _checked(search: Search) -> Search:
    if not 1 <= search.limit <= 100 or search.page < 1:
        raise UsageError("There is no such page", detail="Pages begin at 1 and hold 1 to 100 models.")
    if search.page * search.limit > SCAN:
        raise UsageError(
            "That page lies too far back",
            detail=f"The first {SCAN} models can be looked at.",
            mend="Say more precisely what you look for.",
        )
    return replace(search, text=clean_line(search.text), author=clean_line(search.author, 100))


def _narrowed(model: CatalogModel, search: Search) -> CatalogModel | None:
    """`model` with those variants that `search` wants; None where none is left."""
    variants = tuple(variant for variant in model.variants if _wanted(model, variant, search))
    if len(variants) == len(model.variants):
        return model
    return replace(model, variants=variants) if variants else None


def _wanted(model: CatalogModel, variant: Variant, search: Search) -> bool:
    if search.quantisation and variant.quantisation not in spellings(search.quantisation):
        return False
    if search.max_size is None:
        return True
    size = variant.size or rough_size(model.parameters, variant.quantisation)
    return size is not None and size <= search.max_size


def _is_unsized(model: CatalogModel, search: Search) -> bool:
    """Whether `model` was left out only because nobody knows its sizes."""
    if search.max_size is None or _narrowed(model, search) is not None:
        return False
    wanted = _narrowed(model, replace(search, max_size=None))
    return wanted is not None and any(
        variant.size is None and rough_size(model.parameters, variant.quantisation) is None
        for variant in wanted.variants
    )


def _require_names(repository: str, revision: str | None) -> None:
    if not is_repository(repository):
        raise BadName("repository", repository)
    if revision is not None and (not revision or clean_line(revision, 200) != revision or ".." in revision):
        raise BadName("revision", revision)
