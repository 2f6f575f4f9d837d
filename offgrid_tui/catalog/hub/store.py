"""What was seen on the hub, in SQLite. Every function gets the connection of the transaction.

A row of `hub_models` is a repository as it was last listed, with what a search filters and sorts by; `hub_texts` holds
all that was said of it. `hub_searches` holds the order in which the hub answered a search. Nothing here is made up:
without an answer there is no row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
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
        words, commit = model.variants[0].repository.lower(), model.variants[0].revision
        sized = all(variant.size is not None for variant in model.variants)
        held = conn.execute(
            "SELECT revision, sized, trending, model FROM hub_models JOIN hub_texts USING (id) WHERE words = ?",
            (words,),
        ).get
        text, trending = encode(model), row.trending
        if held is not None and trending is None:
            trending = held[2]
        if not sized and held is not None and held[1] and held[0] == commit:
            text, sized = _with_files_of(text, held[3]), True
        _put(conn, model, text, sized, trending or 0)
    _trim(conn)


def _put(conn: apsw.Connection, model: CatalogModel, text: str, sized: bool, trending: int) -> None:
    repository = model.variants[0].repository
    variants = [
        (quantisation, _size(files) or rough_size(model.parameters, quantisation))
        for quantisation, _, _, files in json.loads(text)["variants"]
    ]
    values = {
        "repository": repository,
        "words": repository.lower(),
        "author": repository.partition("/")[0].lower(),
        "seen": model.seen,
        "revision": model.variants[0].revision,
        "sized": sized,
        "downloads": model.downloads or 0,
        "likes": model.likes or 0,
        "trending": trending,
        "updated": model.updated or 0.0,
        "quantisations": f" {' '.join(dict.fromkeys(quantisation for quantisation, _ in variants))} ",
        "smallest": min((size for _, size in variants if size is not None), default=None),
    }
    id = conn.execute(
        f"INSERT INTO hub_models ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"
        f" ON CONFLICT (words) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in values)} RETURNING id",
        values,
    ).get
    conn.execute("INSERT OR REPLACE INTO hub_texts (id, model) VALUES (?, ?)", (id, text))
    conn.execute("DELETE FROM hub_variants WHERE id = ?", (id,))
    conn.executemany(
        "INSERT INTO hub_variants (id, position, quantisation, size) VALUES (?, ?, ?, ?)",
        [(id, position, *variant) for position, variant in enumerate(variants)],
    )


def forget(conn: apsw.Connection, repository: str) -> None:
    """It is not there any more."""
    conn.execute("DELETE FROM hub_models WHERE words = ?", (repository.lower(),))


def one(conn: apsw.Connection, repository: str, publishers: Publishers) -> tuple[CatalogModel, bool] | None:
    """The repository as it was last seen, and whether its files' sizes were."""
    row = conn.execute(
        "SELECT repository, model, seen, sized FROM hub_models JOIN hub_texts USING (id) WHERE words = ?",
        (repository.lower(),),
    ).get
    return None if row is None else (decode(row[0], row[1], row[2], publishers), bool(row[3]))


def keep_search(conn: apsw.Connection, search: Search, repositories: Iterable[str], more: bool, seen: float) -> None:
    """Note the order in which the hub answered `search`."""
    conn.execute(
        "INSERT OR REPLACE INTO hub_searches (search, seen, more, repositories) VALUES (?, ?, ?, ?)",
        (_key(search), seen, more, json.dumps(list(repositories))),
    )
    conn.execute(
        "DELETE FROM hub_searches WHERE id NOT IN (SELECT id FROM hub_searches ORDER BY seen DESC LIMIT ?)",
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
    where, values = _conditions(search)
    by = _ORDER[search.sort]
    rows = conn.execute(
        f"SELECT repository, model, seen FROM (SELECT id, repository, seen, {by} FROM hub_models WHERE {where}"
        f" ORDER BY {by} DESC, repository LIMIT ? OFFSET ?) JOIN hub_texts USING (id) ORDER BY {by} DESC, repository",
        (*values, search.limit + 1, (search.page - 1) * search.limit),
    ).fetchall()
    models = [decode(str(name), str(text), float(seen or 0), publishers) for name, text, seen in rows[: search.limit]]
    return models, len(rows) > search.limit


def _conditions(search: Search) -> tuple[str, list[Any]]:
    """What a repository has to be, the cheap first; only where a quantisation *and* a size are asked for have the
    variants to be looked at."""
    where, values = ["1"], list[Any]()
    for word in search.text.lower().split():
        where.append("instr(words, ?)")
        values.append(word)
    if search.author:
        where.append("author = ?")
        values.append(search.author.strip().lower())
    if search.max_size is not None:
        where.append("smallest <= ?")
        values.append(search.max_size)
    if search.quantisation:
        names = spellings(search.quantisation)
        where.append("(instr(quantisations, ?) OR instr(quantisations, ?))")
        values += [f" {name} " for name in names]
        if search.max_size is not None:
            where.append(
                "EXISTS (SELECT 1 FROM hub_variants v"
                " WHERE v.id = hub_models.id AND v.quantisation IN (?, ?) AND v.size <= ?)"
            )
            values += [*names, search.max_size]
    return " AND ".join(where), values


Raw = list[tuple[str, str, float]]  # repository, what was said of it, when


def everything(conn: apsw.Connection, most: int = MOST) -> Raw:
    """All that was seen, the most downloaded first; for `decoded`."""
    rows = conn.execute(
        "SELECT repository, model, seen FROM hub_models JOIN hub_texts USING (id) ORDER BY downloads DESC LIMIT ?",
        (most,),
    )
    return [(str(name), str(text), float(seen or 0)) for name, text, seen in rows]


def decoded(rows: Raw, publishers: Callable[[], Publishers]) -> tuple[CatalogModel, ...]:
    """`rows` as models: some 50 µs each, so not in the database's thread."""
    known = publishers()
    return tuple(decode(name, text, seen, known) for name, text, seen in rows)


def count(conn: apsw.Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM hub_models").get)


def _trim(conn: apsw.Connection) -> None:
    over = count(conn) - MOST
    if over > 0:
        conn.execute(
            "DELETE FROM hub_models WHERE id IN (SELECT id FROM hub_models ORDER BY seen LIMIT ?)",
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
