"""What an engine says of itself, once it is started for that."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace

from offgrid_tui.engine.builder.find import EngineInfo

_DEADLINE = 20.0  # seconds
_QUESTION = """
import json, llama_cpp
print(json.dumps([llama_cpp.__version__, llama_cpp.llama_print_system_info().decode()]))
"""


async def describe(engine: EngineInfo) -> EngineInfo:
    """`engine` with version and system info, asked of the interpreter where they are not known yet; it takes most of
    a second. An interpreter that cannot tell is described by what went wrong."""
    if engine.version and engine.system_info:
        return engine
    try:
        process = await asyncio.create_subprocess_exec(
            engine.python,
            "-c",
            _QUESTION,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return replace(engine, system_info=f"cannot be started: {error.strerror}")
    try:
        async with asyncio.timeout(_DEADLINE):
            output, complaints = await process.communicate()
        version, system_info = json.loads(output.splitlines()[-1])
        return replace(engine, version=str(version), system_info=str(system_info).strip())
    except TimeoutError:
        return replace(engine, system_info="does not answer")
    except (ValueError, IndexError, TypeError):
        lines = complaints.decode("utf-8", "replace").splitlines()
        return replace(engine, system_info=f"does not work: {lines[-1] if lines else 'it printed nothing'}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
