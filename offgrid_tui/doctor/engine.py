"""The check of the engine: whether llama.cpp is there and starts, or can be built."""

from __future__ import annotations

import asyncio
from pathlib import Path

from offgrid_tui.doctor.model import Finding, Subject, fail, ok, warn
from offgrid_tui.engine.build import EngineInfo, find_engine, running_build
from offgrid_tui.engine.builder.checks import check
from offgrid_tui.engine.builder.describe import describe
from offgrid_tui.engine.builder.recipe import BACKENDS, REQUIREMENT
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.cpu import X86

# Those that are compiled in, so that another processor ends the engine (SIGILL); ARM's are looked for at run time.
_X86_FEATURES = frozenset(X86.values())
_DECISIVE = frozenset({"AVX2", "FMA", "AVX512", "NEON", "DOTPROD"})  # a multiple of the speed each
_BROKEN = ("cannot be started", "does not")  # how `describe` begins where the engine did not answer


def engine(subject: Subject) -> list[Finding]:
    found = find_engine(subject.paths, subject.settings)
    if found is not None:
        return _describe(asyncio.run(describe(found)), subject)
    if (building := running_build(subject.paths)) is not None:
        return ok("engine", f"being built: {clean_line(building.step)} {building.done}/{building.total}")
    wheels = subject.settings.engine.wheels
    try:
        check(subject.paths.engines, BACKENDS["cpu"], None if wheels is None else Path(wheels), subject.env)
    except EngineError as error:
        text = ": ".join(part for part in ("not built yet, and it cannot be", error.title, error.detail) if part)
        return fail("engine", clean_line(text, 300), clean_line(error.mend, 300))
    return warn("engine", "not built yet", "Build it: offgrid engine build. The workstation does so by itself.")


def _describe(found: EngineInfo, subject: Subject) -> list[Finding]:
    if found.system_info.startswith(_BROKEN):
        text = f"{clean_line(found.python, 200)}: {clean_line(found.system_info, 200)}"
        mend = (
            "Correct engine.python." if found.origin == "settings" else "Build it anew: offgrid engine build --again."
        )
        return fail("engine", text, mend)
    name = REQUIREMENT.partition("==")[0]
    text = clean_line(" ".join(part for part in (name, found.version, found.backend) if part), 80)
    if found.origin == "built" and found.backend == "cpu" and (gpus := subject.hardware.gpus):
        backend = "rocm" if gpus[0].driver == "amdgpu" else "cuda"
        mend = f"Build it for the GPU: offgrid engine build --backend {backend} --again."
        return warn("engine", f"{text}: it does not use {gpus[0].name}", mend)
    built, here = _features(found.system_info), set(subject.hardware.cpu.features)
    if here and (foreign := built & _X86_FEATURES - here):
        wrong = f"{text}: built for another processor, one with {', '.join(sorted(foreign))}"
        return fail("engine", wrong, "Build it for this one: offgrid engine build --again.")
    if built and (unused := here & _DECISIVE - built):
        slow = f"{text}: built without {', '.join(sorted(unused))}, which this processor has; answers come more slowly"
        return warn("engine", slow, "Build it for this processor: offgrid engine build --again.")
    return ok("engine", f"{text}, built for {' '.join(sorted(built))}" if built else text)


def _features(system_info: str) -> set[str]:
    """llama.cpp's own line, `CPU : SSE3 = 1 | AVX2 = 1 | …`: the names of what is 1."""
    pairs = (part.rpartition(":")[2].partition("=") for part in system_info.split("|"))
    return {name.strip() for name, _, value in pairs if value.strip() == "1"}
