"""Several real processes on one database, and SIGKILL at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offgrid_tui.database.database import Database

# Reads and writes in one transaction: a lost update would show in the sum.
_ADDER = """
import sys
from pathlib import Path
from offgrid_tui.database import database as module
from offgrid_tui.database.database import Database
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.system.filesystem import Filesystem
if sys.argv[2] == "delete":
    module.filesystem_of = lambda path: Filesystem("nfs4", Path("/"), "server:/export")
database = Database.open(Path(sys.argv[1]))
assert database.journal == sys.argv[2]
for _ in range(40):
    database.write_now(lambda c: put_state(c, "sum", get_state(c, "sum", 0) + 1))
database.close_now()
"""

# Says a number only after the commit that holds it returned. Two rows in each, so that half a commit would show.
_TELLER = """
import asyncio, sys
from pathlib import Path
from offgrid_tui.database.database import Database
from offgrid_tui.database.state import put_state
async def main():
    database = Database.open(Path(sys.argv[1]))
    async def tell(n):
        await database.write(lambda c: (put_state(c, f"a {n}", n), put_state(c, f"b {n}", "x" * 3000)))
        print(n, flush=True)
    n = int(sys.argv[2])
    while True:
        await asyncio.gather(*(tell(n + i) for i in range(4)))
        n += 4
asyncio.run(main())
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_no_update_is_lost_between_processes(path: Path, journal: str) -> None:
    adders = [subprocess.Popen([sys.executable, "-c", _ADDER, path, journal]) for _ in range(4)]
    assert [adder.wait(timeout=150) for adder in adders] == [0] * 4
    database = Database.open(path)
    assert database.read_now(lambda c: c.execute("SELECT value FROM state").fetchall()) == [("160",)]
    database.close_now()


def test_kill_9_while_writing_loses_nothing_that_was_committed(path: Path) -> None:
    rng = random.Random(11)
    told: set[int] = set()
    for round_ in range(12):
        teller = subprocess.Popen(
            [sys.executable, "-c", _TELLER, path, str(round_ * 100_000)], stdout=subprocess.PIPE, text=True
        )
        assert teller.stdout is not None
        for _ in range(rng.randrange(1, 30)):
            told.add(int(teller.stdout.readline()))
        time.sleep(rng.random() * 0.01)  # another moment of the next commit each time; nothing hangs on its length
        teller.kill()
        told.update(int(line) for line in teller.communicate()[0].splitlines() if line)
        database = Database.open(path)
        keys = {key for (key,) in database.read_now(lambda c: c.execute("SELECT key FROM state").fetchall())}
        assert database.read_now(lambda c: c.execute("PRAGMA integrity_check").get) == "ok"
        database.close_now()
        assert {f"a {n}" for n in told} <= keys
        assert {key[2:] for key in keys if key[0] == "a"} == {key[2:] for key in keys if key[0] == "b"}
    assert len(told) > 50
