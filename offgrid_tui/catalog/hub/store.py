"""What was seen on the hub, in SQLite. Every function gets the connection of the transaction.

A row of `hub_models` is a repository as it was last listed; `hub_variants` holds what a search filters by. A search's
own answer (`hub_searches`) is the order that the hub gave. Nothing here is made up: without an answer there is no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.hub.api import Row
from offgrid_tui.catalog.hub.codec import decode, encode
from offgrid_tui.catalog.hub.files import rough_size, spellings
from offgrid_tui.catalog.hub.model import Search, Sort
from offgrid_tui.catalog.model import CatalogModel

if TYPE_CHECKING:
    import apsw

MOST = 50_000  # repositories that are kept; those seen longest ago go first
_SEARCHES = 500  # answers that are kept
_ORDER = {Sort.DOWNLOADS: "downloads", Sort.LIKES: "likes", Sort.TRENDING: "trending", Sort.NEWEST: "updated"}


def keep(conn: apsw.Connection, rows: Iterable[Row]) -> None:
    """Note `rows` as they are now.

    A listing tells no sizes. Those that were seen before are kept while the repository's commit is the same.
    """
    for row in rows:
        model = row.model
        repository, commit = model.variants[0].repository, model.variants[0].revision
        sized = all(variant.size is not None for variant in model.variants)
        held = conn.execute("SELECT revision, sized, model FROM hub_models WHERE repository = ?", (repository,)).get
        text = encode(model)
        if not sized and held is not None and held[1] and held[0] == commit:
            text, sized = _with_files_of(text, held[2]), True
        _put(conn, row, repository, text, sized)
    _trim(conn)


def _put(conn: apsw.Connection, row: Row, repository: str, text: str, sized: bool) -> None:
    model = row.model
    conn.execute(
        "INSERT OR REPLACE INTO hub_models"
        " (repository, author, words, seen, revision, sized, downloads, likes, trending, updated, model)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            repository,
            repository.partition("/")[0].lower(),
            repository.lower(),
            model.seen,
            model.variants[0].revision,
            sized,
            model.downloads or 0,
            model.likes or 0,
            row.trending,
            model.updated or 0.0,
            text,
        ),
    )
    conn.execute("DELETE FROM hub_variants WHERE repository = ?", (repository,))
    variants = json.loads(text)["variants"]
    conn.executemany(
        "INSERT INTO hub_variants (repository, position, quantisation, size) VALUES (?, ?, ?, ?)",
        [
            (repository, position, quantisation, _size(files) or rough_size(model.parameters, quantisation))
            for position, (quantisation, _, _, files) in enumerate(variants)
        ],
    )


def forget(conn: apsw.Connection, repository: str) -> None:
    """It is not there any more."""
    conn.execute("DELETE FROM hub_models WHERE words = ?", (repository.lower(),))


def one(conn: apsw.Connection, repository: str, publishers: Publishers) -> tuple[CatalogModel, bool] | None:
    """The repository as it was last seen, and whether its files' sizes were."""
    row = conn.execute(
        "SELECT repository, model, seen, sized FROM hub_models WHERE words = ?", (repository.lower(),)
    ).get
    return None if row is None else (decode(row[0], row[1], row[2], publishers), bool(row[3]))


def keep_search(conn: apsw.Connection, search: Search, repositories: Iterable[str], more: bool, seen: float) -> None:
    """Note the order in which the hub answered `search`."""
    conn.execute(
        "INSERT OR REPLACE INTO hub_searches (search, seen, more, repositories) VALUES (?, ?, ?, ?)",
        (_key(search), seen, more, json.dumps(list(repositories))),
    )
    conn.execute(
        "DELETE FROM hub_searches WHERE rowid NOT IN (SELECT rowid FROM hub_searches ORDER BY seen DESC LIMIT ?)",
        (_SEARCHES,),
    )


def answered(
    conn: apsw.Connection, search: Search, since: float, publishers: Publishers
) -> tuple[list[CatalogModel], bool, float] | None:
    """The hub's own answer to `search`, where it came after `since`: models in its order, whether there may be more,
    and when it came."""
    row = conn.execute(
        "SELECT repositories, more, seen FROM hub_searches WHERE owner = 'local' AND search = ? AND seen > ?",
        (_key(search), since),
    ).get
    if row is None:
        return None
    found = (one(conn, repository, publishers) for repository in json.loads(row[0]))
    return [model for model, _ in (entry for entry in found if entry is not None)], bool(row[1]), row[2]


def seen_before(conn: apsw.Connection, search: Search, publishers: Publishers) -> tuple[list[CatalogModel], bool]:
    """One page of all that was ever seen and fits `search`, and whether there is another.

    Sizes that nobody told are estimated from the parameters for the comparison; where that can't be done either, a
    variant does not fit a size that was asked for.
    """
    where: list[str] = ["1"]
    values: list[Any] = []
    for word in search.text.lower().split():
        where.append("instr(words, ?)")
        values.append(word)
    if search.author:
        where.append("author = ?")
        values.append(search.author.strip().lower())
    if search.quantisation or search.max_size is not None:
        inner = ["v.repository = hub_models.repository"]
        if search.quantisation:
            inner.append("v.quantisation IN (?, ?)")
            values += spellings(search.quantisation)
        if search.max_size is not None:
            inner.append("v.size <= ?")
            values.append(search.max_size)
        where.append(f"EXISTS (SELECT 1 FROM hub_variants v WHERE {' AND '.join(inner)})")
    rows = conn.execute(
        f"SELECT repository, model, seen FROM hub_models WHERE {' AND '.join(where)}"
        f" ORDER BY {_ORDER[search.sort]} DESC, repository LIMIT ? OFFSET ?",
        (*values, search.limit + 1, (search.page - 1) * search.limit),
    ).fetchall()
    models = [decode(str(name), str(text), float(seen or 0), publishers) for name, text, seen in rows[: search.limit]]
    return models, len(rows) > search.limit


def everything(conn: apsw.Connection, publishers: Publishers, most: int = MOST) -> tuple[CatalogModel, ...]:
    """All that was seen, the most downloaded first: for lists that hold catalogs and the hub's together."""
    rows = conn.execute("SELECT repository, model, seen FROM hub_models ORDER BY downloads DESC LIMIT ?", (most,))
    return tuple(decode(repository, text, seen, publishers) for repository, text, seen in rows)


def count(conn: apsw.Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM hub_models").get)


def _trim(conn: apsw.Connection) -> None:
    over = count(conn) - MOST
    if over > 0:
        conn.execute(
            "DELETE FROM hub_models WHERE repository IN (SELECT repository FROM hub_models ORDER BY seen LIMIT ?)",
            (over,),
        )


def _key(search: Search) -> str:
    """What the hub was asked: searches that differ only in letter case are one."""
    words = " ".join(search.text.lower().split())
    parts = [words, search.author.strip().lower(), search.quantisation.upper(), search.max_size, search.sort]
    return json.dumps([*parts, search.page, search.limit])


def _size(files: list[list[Any]]) -> int | None:
    sizes = [size for _, size, _, _ in files]
    return None if None in sizes else sum(sizes)


def _with_files_of(text: str, held: str) -> str:
    new, old = json.loads(text), json.loads(held)
    new["variants"] = old["variants"]
    return json.dumps(new, ensure_ascii=False, separators=(",", ":"))
