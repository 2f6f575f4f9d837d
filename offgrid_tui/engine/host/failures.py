"""The host's own errors: what happened, why, what to do next."""

from __future__ import annotations

from pathlib import PurePath

from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.worker import WorkerDeath
from offgrid_tui.foundation.units import duration

_TRY_AGAIN = "Send it again: the model is loaded anew."
_SMALLER = "Use a smaller context (--context), a smaller quantisation of the model, or unload another model."


def _name(path: str) -> str:
    return PurePath(path).name


def died_in_answer(path: str, death: WorkerDeath) -> EngineError:
    """A model's process ended while it was at work."""
    if death.out_of_memory:
        return _out_of_memory(path, death)
    if death.unresponsive:
        return EngineError(
            ErrorCode.UNRESPONSIVE,
            f"{_name(path)} stopped responding and was ended",
            detail="Its process did not answer for half a minute.",
            mend=_TRY_AGAIN,
            log_tail=death.log_tail,
        )
    return EngineError(
        ErrorCode.CRASHED,
        f"The process that runs {_name(path)} crashed",
        detail=f"It was {death.words}." if death.killed else f"It {death.words}.",
        mend=_TRY_AGAIN,
        data=_facts(death),
        log_tail=death.log_tail,
    )


def died_in_load(path: str, death: WorkerDeath, *, spoke: bool) -> EngineError:
    """A model's process ended before the model was ready. One that never `spoke` failed on its own start: the
    interpreter, or a llama_cpp that cannot be imported."""
    if death.out_of_memory:
        return _out_of_memory(path, death)
    if death.unresponsive:
        return EngineError(
            ErrorCode.UNRESPONSIVE,
            f"Loading {_name(path)} hung and was ended",
            mend="Try again; if its disk or network share is slow or gone, see to that first.",
            log_tail=death.log_tail,
        )
    if death.by_fault:
        return EngineError(
            ErrorCode.LOAD_FAILED,
            f"llama.cpp gave up on {_name(path)}",
            detail=f"Its process was {death.words} while it loaded the file.",
            mend="Check that the file is whole (compare its SHA-256) and made for this version of llama.cpp.",
            data=_facts(death),
            log_tail=death.log_tail,
        )
    if not spoke and not death.killed:
        return engine_broken(death.log_tail[-1] if death.log_tail else death.words, death.log_tail)
    return EngineError(
        ErrorCode.CRASHED,
        f"The process that loads {_name(path)} ended",
        detail=f"It was {death.words}." if death.killed else f"It {death.words}.",
        mend="Try again; `offgrid doctor` checks the engine.",
        data=_facts(death),
        log_tail=death.log_tail,
    )


def _out_of_memory(path: str, death: WorkerDeath) -> EngineError:
    return EngineError(
        ErrorCode.OOM_KILLED,
        f"The kernel ended {_name(path)} for lack of memory",
        detail=f"What ran out: {death.out_of_memory}.",
        mend=_SMALLER,
        data=_facts(death),
        log_tail=death.log_tail,
    )


def _facts(death: WorkerDeath) -> dict[str, int | None]:
    return {"returncode": death.returncode}


def restart_budget(path: str, deaths: int, wait: float) -> EngineError:
    return EngineError(
        ErrorCode.RESTART_BUDGET,
        f"{_name(path)} crashed {deaths} times in a row and is not loaded again for now",
        detail=f"It can be loaded again in {duration(wait)}.",
        mend="Load it with other options (a smaller --context, no GPU layers), choose another model, or see what it "
        "printed: `offgrid engine log`. `offgrid stop` forgets the count.",
        data={"deaths": deaths, "wait_s": round(wait, 1)},
    )


def busy(path: str, reason: str, users: int, clients: list[str]) -> EngineError:
    """Another load of the same file is in use."""
    answers = "an answer" if users == 1 else f"{users} answers"
    return EngineError(
        ErrorCode.BUSY,
        f"{_name(path)} is in use",
        detail=f"{answers[0].upper()}{answers[1:]} for {' and '.join(clients)} run on it, and {reason}.",
        mend="Wait until they have ended, or ask for the options that it has.",
        data={"answers": users},
    )


def engine_missing() -> EngineError:
    return EngineError(
        ErrorCode.ENGINE_MISSING,
        "The engine (llama.cpp) is not built yet",
        mend="Build it: `offgrid engine build`.",
    )


def engine_broken(reason: str, log_tail: tuple[str, ...] = ()) -> EngineError:
    return EngineError(
        ErrorCode.ENGINE_MISSING,
        "The engine (llama.cpp) could not be started",
        detail=reason,
        mend="Build it again (`offgrid engine build --again`), or correct engine.python in config.toml.",
        log_tail=log_tail,
    )


def stopped() -> EngineError:
    return EngineError(ErrorCode.CANCELLED, "The engine was stopped", mend="Ask again: it starts by itself.")


def internal() -> EngineError:
    return EngineError(
        ErrorCode.INTERNAL,
        "The engine host met an error of its own",
        mend="Try again; please report what `offgrid engine log --host` shows.",
    )
