"""SIGTERM, and SIGHUP as the terminal goes away: save, and leave at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable

LAST_RESORT = 8.0  # seconds; longer than saving takes. Writing to a terminal that is gone can hang for ever.


def leave_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave` with the exit code (128 + the signal's number) when the program is told to go. If it is still there
    `LAST_RESORT` seconds later, it ends then. Works in the main thread; elsewhere there are no signals to be had."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    told: set[int] = set()

    def handle(number: int) -> None:
        if told:
            return
        told.add(number)
        timer = threading.Timer(LAST_RESORT, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        leave(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, handle, number)
