"""`python -m benchmarks.catalog`: does finding something among 50,000 remembered listings of the hub take a moment?

A database is filled with as many repositories as are ever kept, each with eight quantisations, and asked as the search
in the workstation asks where nobody can be reached: words, an owner, a quantisation, a size, each order, a page far
back, and something that is not there. What is timed is the whole call of the service, from the loop and back.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.command import parser_for, progress, run
from benchmarks.measure import Series
from benchmarks.others import Others
from benchmarks.report import Goal, Report, Row
from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.hub import store
from offgrid_tui.catalog.hub.api import Row as Listed
from offgrid_tui.catalog.hub.files import HubFile, group
from offgrid_tui.catalog.hub.listing import id_of
from offgrid_tui.catalog.hub.model import Search, Sort
from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.model import CatalogModel, Kind, Source
from offgrid_tui.database.database import Database
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import NetworkSettings

MOMENT = Goal("below", 50.0)  # ms
QUANTISATIONS = ("IQ2_M", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
FAMILIES = ("Qwen3", "Llama-3.2", "Mistral", "gemma-3", "Phi-4", "SmolLM2", "DeepSeek-R1", "granite-4")
SIZES = (0.5, 1.2, 3.2, 4.0, 8.0, 14.8, 32.8, 70.6)  # billions
OWNERS = 2000
SEARCHES = {
    "everything, most downloaded": Search(),
    "two words": Search("qwen3 instruct"),
    "two words, most liked": Search("qwen3 instruct", sort=Sort.LIKES),
    "two words, newest": Search("qwen3 instruct", sort=Sort.NEWEST),
    "an owner, trending": Search(author="owner17", sort=Sort.TRENDING),
    "a quantisation and a size": Search(quantisation="Q4_K_M", max_size=3 * 10**9),
    "a size that nothing has": Search(quantisation="Q8_0", max_size=1000),
    "a word that is nowhere": Search("xyzzy"),
    "the last page": Search("instruct", page=50, limit=20),
}


def listings(count: int) -> Iterator[Listed]:
    """Repositories as they might be listed, the same each time."""
    dice, nobody = random.Random(4), Publishers({})
    for number in range(count):
        billions, family = dice.choice(SIZES), dice.choice(FAMILIES)
        kind = dice.choice(("Instruct", "Base", "Coder"))
        repository = f"owner{number % OWNERS}/{family}-{billions:g}B-{kind}-v{number}-GGUF"
        files = [HubFile(f"{family}-{billions:g}B-{kind}-{quant}.gguf") for quant in QUANTISATIONS]
        model = CatalogModel(
            id=id_of(repository),
            name=repository.partition("/")[2],
            source=Source.HUB,
            variants=group(repository, f"{number:040x}", files, nobody.of(repository), gated=False).variants,
            family=family.lower(),
            parameters=int(billions * 1e9),
            context=131072,
            licence="apache-2.0",
            kinds=(Kind.CHAT,),
            downloads=int(10 ** dice.uniform(0, 6)),
            likes=dice.randrange(5000),
            updated=1.7e9 + dice.randrange(10**8),
            seen=1.8e9,
        )
        yield Listed(model, dice.randrange(1000))


async def finding(report: Report, arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = await asyncio.to_thread(Database.open, Path(folder) / "offgrid.db")
        settings = NetworkSettings(offgrid=True)
        hub = HubService(database, NetworkAccess(NetworkPolicy(settings), settings), lambda: Publishers({}))
        try:
            progress(f"filling a database with {arguments.rows} listings")
            rows = listings(arguments.rows)
            while part := list(itertools.islice(rows, 1000)):
                await database.write(partial(store.keep, rows=part))
            others = Others()
            for name, search in SEARCHES.items():
                progress(name)
                await hub.search(search, offline=True)
                times = []
                for _ in range(arguments.rounds):
                    began = time.perf_counter()
                    await hub.search(search, offline=True)
                    times.append((time.perf_counter() - began) * 1000)
                report.add(f"{arguments.rows} listings", Row(name, "ms", Series(tuple(times)), goal=MOMENT))
            report.disturbed("finding", others.cores())
            size = database.path.stat().st_size
            report.notes.append(f"the database has {size / 1e6:.0f} MB on disk")
        finally:
            await hub.close()
            await database.close()


def main() -> int:
    parser = parser_for("benchmarks.catalog", __doc__)
    parser.add_argument("--rows", type=int, default=store.MOST, help="listings (default: as many as are kept)")
    parser.add_argument("--rounds", type=int, default=30, help="times that each search is made")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 5
    return run("Finding remembered models", lambda report: finding(report, arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
