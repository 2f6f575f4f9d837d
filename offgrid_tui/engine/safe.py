"""Cleans what comes from the engine, before any front door can show it.

Models, file names, templates and log lines hold text that strangers wrote. All of it passes here once, on the client's
side of the socket, so that no screen and no command has to remember to.
"""

from __future__ import annotations

from dataclasses import replace

from offgrid_tui.engine.contract import Error, Event, Hello, Loaded, LoadProgress, Log, StatusReport, Text
from offgrid_tui.foundation.text import clean, clean_line


def cleaned(event: Event) -> Event:
    """`event` without a character that could steer a terminal. `model` is cleaned too: whoever needs the path itself
    has it in the request."""
    match event:
        case Text():
            return replace(event, text=clean(event.text))
        case LoadProgress():
            return replace(event, model=clean_line(event.model, 4096), phase=clean_line(event.phase))
        case Loaded():
            return _loaded(event)
        case Error():
            return replace(
                event,
                title=clean_line(event.title),
                detail=clean(event.detail),
                mend=clean(event.mend),
                log_tail=tuple(clean_line(line, 500) for line in event.log_tail),
            )
        case Log():
            return replace(event, text=clean_line(event.text, 500))
        case Hello():
            return replace(
                event,
                engine=clean_line(event.engine),
                system_info=clean_line(event.system_info, 2000),
                backends=tuple(map(clean_line, event.backends)),
                can=tuple(map(clean_line, event.can)),
            )
        case StatusReport():
            workers = tuple(
                replace(
                    worker,
                    model=clean_line(worker.model, 4096),
                    loaded=None if worker.loaded is None else _loaded(worker.loaded),
                )
                for worker in event.workers
            )
            return replace(event, workers=workers)
        case _:
            return event


def _loaded(event: Loaded) -> Loaded:
    return replace(
        event,
        model=clean_line(event.model, 4096),
        name=clean_line(event.name),
        architecture=clean_line(event.architecture, 60),
        quantisation=clean_line(event.quantisation, 60),
        devices=tuple(map(clean_line, event.devices)),
        memory={clean_line(kind): size for kind, size in event.memory.items()},
        template=clean_line(event.template),
        warnings=tuple(map(clean_line, event.warnings)),
        engine=clean_line(event.engine),
    )
