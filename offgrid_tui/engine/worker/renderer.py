"""A process of its own that renders chat templates: code from a stranger.

Started as a script, with the standard library and Jinja alone. Jinja's sandbox keeps a template from reaching Python's
insides, but not from asking for ten gigabytes of one letter, and no check within a process can interrupt a single
operation that does. The kernel can: the address space is limited, and a timer of CPU time ends the process whatever it
is doing. Whoever asked sees the pipe close, and starts another.

Requests and replies are lines of JSON: {"template", "values", "limit"} gives {"text"}, {"refused"} or {"error"}.
"""

from __future__ import annotations

import ctypes
import datetime
import json
import os
import resource
import signal
import sys
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

CPU_SECONDS = 2.0
MEMORY_BYTES = 512 * 2**20


class Refused(Exception):
    """The template itself said no, by raise_exception()."""


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks what a model learns from in training; it changes nothing in what is rendered."""

    tags = {"generation"}  # noqa: RUF012 - so declared by Jinja

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


def make_environment() -> jinja2.sandbox.SandboxedEnvironment:
    """Jinja as the templates of Hugging Face expect it. The values belong to one rendering, so they may be changed:
    some templates append to lists."""
    environment = jinja2.sandbox.SandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", Generation],
    )

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **other: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **other)

    def raise_exception(message: str) -> None:
        raise Refused(str(message)[:500])

    def strftime_now(form: str) -> str:
        return datetime.datetime.now().strftime(form)

    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment


def render(environment: jinja2.sandbox.SandboxedEnvironment, request: dict[str, Any]) -> dict[str, str]:
    parts, size = [], 0
    try:
        for part in environment.from_string(request["template"]).generate(**request["values"]):
            size += len(part)
            if size > request["limit"]:
                return {"error": f"it made more than {request['limit']} characters"}
            parts.append(part)
    except Refused as refusal:
        return {"refused": str(refusal)}
    except jinja2.TemplateSyntaxError as error:
        return {"error": f"line {error.lineno}: {error.message}"[:500]}
    except MemoryError:
        return {"error": "it needs too much memory"}
    except RecursionError:
        return {"error": "it calls itself without end"}
    except Exception as error:  # noqa: BLE001 - a stranger's code raises what it likes
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return {"text": "".join(parts)}


def limit_resources() -> None:
    """Bounds that hold for all that follows, and an end together with the parent."""
    for kind, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (limit, limit))
        except (OSError, ValueError):
            pass  # macOS refuses RLIMIT_AS
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl+c in a terminal is our parent's business
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    limit_resources()
    environment = make_environment()
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in requests:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        reply = render(environment, request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()
