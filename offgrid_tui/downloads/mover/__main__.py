"""`python -m offgrid_tui.downloads.mover`: fetches the files of one order, read from standard input.

A process of its own, so that hashing and writing at line speed never hold up a screen; niced, in its own session, so
that neither ctrl+c nor a dropped connection reaches it. Whatever ends it, what it had saved is gone on with.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path

from offgrid_tui.downloads.contract import MAX_LINE, Kind, Said, decode_order
from offgrid_tui.downloads.mover.control import Control, Stop
from offgrid_tui.downloads.mover.transfer import Transfer
from offgrid_tui.downloads.mover.wire import Wire
from offgrid_tui.downloads.places import LOCK, STOP
from offgrid_tui.foundation.errors import BusyError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.system.locks import FileLock

NICENESS = 10  # a terminal that answers its keys, and a model that answers, come first


def main() -> int:
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    order = decode_order(sys.stdin.buffer.readline(MAX_LINE))
    folder = Path(order.folder)
    wire = Wire(os.dup(sys.stdout.fileno()), folder)
    lock = FileLock(folder / LOCK, what="the download")
    if not lock.try_acquire():
        return _fail(wire, BusyError("Another process fetches these files", detail=f"It holds {folder / LOCK}."))
    access = NetworkAccess(NetworkPolicy(order.network), order.network)
    control = Control(limit=order.limit, stay=order.stay, stop_file=folder / STOP, last=lambda: _save(transfer))
    transfer = Transfer(order, access, control, wire)
    control.listen(sys.stdin.buffer)
    try:
        transfer.run()
    except Stop:
        wire.say(Said(Kind.STOPPED))
    except OffGridError as error:
        return _fail(wire, error)
    else:
        wire.say(Said(Kind.DONE))
    finally:
        control.ended()
        access.close()
    return 0


def _save(transfer: Transfer) -> None:
    with contextlib.suppress(OffGridError):
        transfer.save()


def _fail(wire: Wire, error: OffGridError) -> int:
    wire.say(
        Said(
            Kind.FAILED,
            title=clean_line(error.title),
            detail=clean_line(error.detail, 1000),
            mend=clean_line(error.mend),
            code=int(error.exit_code),
        )
    )
    return 1


if __name__ == "__main__":
    code = 70  # as sysexits.h has it for a fault of the program
    try:
        code = main()
    except Exception:  # noqa: BLE001 -- the boundary of the process: into the log, and out
        traceback.print_exc()
    os._exit(code)  # the thread that hears commands sits in a read, which an ordinary end would wait for
