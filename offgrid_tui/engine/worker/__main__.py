"""`python -m offgrid_tui.engine.worker`: the process that runs llama.cpp for one model.

Takes requests of engine/contract.py as lines on standard input and gives events on standard output: Hello, then, after
one Load, LoadProgress and Loaded, then whatever Generate, Count, Cancel and Ping ask for. A load that failed or was
cancelled ends the process after its Error; so does Shutdown after its Ok, and the end of the input at once.
"""

from __future__ import annotations

import os
import signal

from offgrid_tui.engine.contract import Error, ErrorCode
from offgrid_tui.engine.worker.wire import Wire


def main() -> None:
    # Else an abort in llama.cpp starts a debugger, which takes seconds and prints pages.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    # Threads that wait for each other spin, and where another process has taken a core they spin for one that does not
    # run: 300,000 turns by default, which takes nine tenths of the speed. A thousand cost a tenth on an idle machine.
    # OpenMP's runtime reads this when it is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c in a terminal is for those who own us
    wire = Wire.over_standard_streams()
    try:
        # Only now: importing llama_cpp takes 0.2 s and loads code that may print.
        from offgrid_tui.engine.worker.service import Worker
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        wire.send(
            Error(
                None,
                ErrorCode.ENGINE_MISSING,
                "llama.cpp cannot be loaded",
                str(error)[:2000],
                "Build the engine anew.",
            )
        )
        raise SystemExit(1) from error
    Worker(wire).run()


if __name__ == "__main__":
    main()
