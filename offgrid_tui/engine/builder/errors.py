"""What keeps an engine from being built: each with the Debian package or the act that helps."""

from __future__ import annotations

from offgrid_tui.engine.builder.recipe import REQUIREMENT
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError

_LOG = "The whole log: `offgrid engine log`."


def build_error(title: str, detail: str = "", mend: str = "", log_tail: tuple[str, ...] = ()) -> EngineError:
    return EngineError(ErrorCode.ENGINE_MISSING, title, detail=detail, mend=mend or _LOG, log_tail=log_tail)


# What a failed command printed, in lower case -> title, mend.
_SIGNS = (
    ("no space left on device", "The disk is full", "Free some space and build again: it goes on where it stopped."),
    ("killed signal terminated program", "The compiler ran out of memory", "Close other programs and build again."),
    ("cannot allocate memory", "There was not enough memory", "Close other programs and build again."),
    ("illegal instruction", "The engine was compiled for another CPU", "Build it on this machine."),
    ("permission denied", "A file could not be written", "Check who owns OffGrid's folders."),
)
_NETWORK = (
    "temporary failure in name resolution",
    "name or service not known",
    "connection refused",
    "network is unreachable",
    "connection timed out",
    "read timed out",
    "proxyerror",
    "certificate_verify_failed",
)


def explain(step: str, status: str, tail: tuple[str, ...], wheels: str | None) -> EngineError:
    """The error of a command that failed at `step`, from the last lines that it printed.

    Args:
        status: how it ended, in words.
        wheels: the folder that everything was to come from; None: the registry.
    """
    text = "\n".join(tail).lower()
    for sign, title, mend in _SIGNS:
        if sign in text:
            return build_error(title, f"While {step}.", mend, tail)
    missing = [line for line in tail if "no matching distribution found for" in line.lower()]
    if wheels is not None and missing:
        name = missing[-1].rpartition(" for ")[2]
        return build_error(
            "A wheel is missing",
            f"{wheels} has no usable {name}.",
            f"Fill it on a machine with a network: pip wheel --wheel-dir FOLDER {REQUIREMENT}",
            tail,
        )
    if any(sign in text for sign in _NETWORK) or missing:
        return build_error(
            "The package registry could not be reached",
            f"While {step}.",
            "Check the network, or build from a folder of wheels: offgrid engine build --wheels FOLDER",
            tail,
        )
    return build_error(f"The engine could not be built: {step} failed", f"The command {status}.", _LOG, tail)
