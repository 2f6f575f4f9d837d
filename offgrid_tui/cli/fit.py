"""`offgrid fit NAME|FILE|URL`: how much memory a model needs here, and whether it fits."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offgrid_tui.catalog.resolver import Meaning, Resolved
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.reservations import taken_of
from offgrid_tui.fit.model import WORDS, Fit, Level, Sibling, Snapshot, Source, Taken, Use
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, OffGridError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import KV_TYPES, Settings
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:
    from offgrid_tui.catalog.model import CatalogModel, Variant
    from offgrid_tui.cli.models import Opened

HOST_PATIENCE = 3.0  # seconds; a host that does not say what it holds is reckoned without
OTHERS = 6  # other models that are tried as alternatives
_SOURCES = {
    Source.HEADER: "the file's own header",
    Source.SHAPE: "the architecture's numbers and the file's size",
    Source.SIZE: "the file's size alone: a rough figure",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: a header, or a size with what is known of the model."""

    name: str
    header: Header | None = None
    size: int = 0
    quantisation: str = ""
    model: CatalogModel | None = None
    siblings: tuple[Sibling, ...] = ()
    path: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME|FILE|URL", help="a model by its name, a file, or an address")
    parser.add_argument("--context", type=int, metavar="N", help="tokens of a conversation (default: of the settings)")
    parser.add_argument("--kv-type", choices=KV_TYPES, metavar="T", help=f"type of the KV cache: {', '.join(KV_TYPES)}")
    parser.add_argument("--gpu-layers", type=int, metavar="N", help="layers on the GPU (default: as many as fit)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")
    parser.epilog = "Exit code 0 where it fits or could be loaded all the same, 4 where it is blocked."


def run(args: argparse.Namespace) -> int:
    if args.context is not None and not 64 <= args.context <= 2**24:
        raise UsageError(f"A context of {args.context} tokens is none", mend="Give --context from 64 to 16777216.")
    if args.gpu_layers is not None and not 0 <= args.gpu_layers <= 10_000:
        raise UsageError(f"{args.gpu_layers} layers are none", mend="Give --gpu-layers from 0 to 10000.")
    paths = Paths.from_environment()
    return asyncio.run(_run(args, paths, load_settings(paths)))


async def _run(args: argparse.Namespace, paths: Paths, settings: Settings) -> int:
    subject = await _subject(args.name, paths, settings)
    service = FitService(settings, on_gpu=uses_gpu(paths, settings))
    at = service.snapshot(await host_taken(paths, settings, subject.path))
    trained = subject.header.context_trained if subject.header else subject.model.context if subject.model else None
    use = service.use(trained, context=args.context, kv_type=args.kv_type, gpu_layers=args.gpu_layers)
    found = judge(service, subject, use, at)
    if args.json:
        print(json.dumps(fit_json(found), ensure_ascii=False, indent=2))
    else:
        for line in _report(subject, found, at):
            print(line)
    return int(ExitCode.REFUSED if found.verdict.level is Level.BLOCKED else ExitCode.OK)


def judge(service: FitService, subject: Subject, use: Use, at: Snapshot) -> Fit:
    """The answer about `subject`, from the best that is known of it."""
    if subject.header is not None:
        return service.of_header(subject.header, use, at=at, siblings=subject.siblings)
    if subject.model is not None and subject.model.shape is not None:
        return service.of_shape(
            subject.model.shape, subject.size, subject.quantisation, use, at=at, siblings=subject.siblings
        )
    return service.of_size(subject.size, use, at=at, siblings=subject.siblings)


async def host_taken(paths: Paths, settings: Settings, model: Path | None = None) -> Taken:
    """What the engine host holds for other models; nothing where none runs or answers. Starts none."""
    engine = EngineClient(paths, settings)
    try:
        async with asyncio.timeout(HOST_PATIENCE):
            return taken_of(await engine.status(), model)
    except (OffGridError, TimeoutError):
        return Taken()
    finally:
        await engine.close()


# ── what is meant ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _subject(text: str, paths: Paths, settings: Settings) -> Subject:
    path = Path(text).expanduser()
    if path.is_file():  # answered without any list
        return await asyncio.to_thread(_of_file, path.absolute())
    from offgrid_tui.cli.models import open_models  # the lists cost 100 ms that a file does not need

    async with open_models(paths, settings) as opened:
        found = await asyncio.to_thread(opened.resolver.resolve, text)
        row = opened.row(found)
        if row is not None and row.installed is not None and found.variant in (None, row.variant):
            here = await asyncio.to_thread(_of_file, row.installed.path)
            return replace(here, name=row.name, model=row.model, siblings=_siblings(opened, row.model, row.variant))
        variant = found.variant or (row.variant if row else None)
        if found.model is not None and variant is not None and variant.size is not None:
            return Subject(
                f"{found.model.name} {variant.quantisation}".strip(),
                size=sum(file.size or 0 for file in variant.weights),
                quantisation=variant.quantisation,
                model=found.model,
                siblings=_siblings(opened, found.model, variant),
            )
        if found.path is not None and found.path.is_file():
            return await asyncio.to_thread(_of_file, found.path)
    return await _far(found, paths, settings)


def _of_file(path: Path) -> Subject:
    header = read_model(path)
    return Subject(header.name or path.name, header, header.weights, header.quantisation, path=path.resolve())


async def _far(found: Resolved, paths: Paths, settings: Settings) -> Subject:
    """What lies on the hub or at an address: its header is read there, a few megabytes of it."""
    from offgrid_tui.cli.hub import open_hub

    async with open_hub(paths, settings) as hub:
        if found.meaning is Meaning.ADDRESS:
            header = await hub.header_at((found.address,))
        elif found.meaning is Meaning.FILE:
            header = await hub.header_at((hub.file_address(found.repository, found.file, found.revision or None),))
        elif found.repository:
            details = await hub.details(found.repository, revision=found.revision or None)
            variants = details.model.variants
            variant = _named(variants, found.quantisation)
            if variant is None:
                has = ", ".join(dict.fromkeys(one.quantisation for one in variants if one.quantisation))
                raise NotFoundError(
                    f"{clean_line(found.repository)} has several quantisations",
                    detail=f"It has {has}." if has else "",
                    mend=f"Name one: {clean_line(found.repository)}:Q4_K_M.",
                )
            header = await hub.header(variant)
        else:
            raise NotFoundError(f"Of {clean_line(found.text)} no size is known", detail=found.why)
    return Subject(header.name or found.text, header, header.weights, header.quantisation)


def _named(variants: Sequence[Variant], quantisation: str) -> Variant | None:
    if quantisation:
        wanted = quantisation.casefold()
        return next((one for one in variants if one.quantisation.casefold() == wanted), None)
    return variants[0] if len(variants) == 1 else None


def _siblings(opened: Opened, model: CatalogModel | None, variant: Variant | None) -> tuple[Sibling, ...]:
    """The same model in smaller quantisations, and the largest other models of its kind that fit."""
    if model is None or variant is None:
        return ()
    size = variant.size or 0
    same = {
        one.quantisation: Sibling(one.quantisation, one.size)
        for one in reversed(model.variants)  # the best known publisher's stands first, and so wins
        if one.size is not None and one.size < size and one.quantisation
    }
    kind = model.kinds[0] if model.kinds else None
    rows = [
        row
        for row in opened.models.rows()
        if row.model is not None and row.model is not model and row.size is not None and row.size < size
        if row.model.kinds and row.model.kinds[0] is kind and row.verdict is not None
        if row.verdict.level in (Level.SAFE, Level.TIGHT)
    ]
    rows.sort(key=lambda row: -(row.size or 0))
    others = [
        Sibling(row.model.aliases[0] if row.model.aliases else row.model.id, row.size, row.model.shape, same=False)
        for row in rows[:OTHERS]
        if row.model is not None and row.size is not None
    ]
    return (*same.values(), *others)


# ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fit_json(found: Fit) -> dict[str, Any]:
    """`total_bytes` is the sum of the four before it; `budget_bytes` what all models together may take of the memory
    that the verdict is about."""
    needed = found.estimate
    return {
        "weights_bytes": needed.weights_needed,
        "kv_bytes": needed.cache,
        "compute_bytes": needed.compute,
        "overhead_bytes": needed.overhead,
        "total_bytes": needed.weights_needed + needed.cache + needed.compute + needed.overhead,
        "budget_bytes": found.budget.share,
        "verdict": found.verdict.level.value,
        "source": found.source.value,
        "alternatives": [
            {"way": way.way.value, "value": way.value, "total_bytes": way.needs, "verdict": way.level.value}
            for way in found.alternatives
        ],
    }


def _report(subject: Subject, found: Fit, at: Snapshot) -> Iterator[str]:
    needed, use = found.estimate, found.use
    cache = f"{use.context} tokens, {use.kv_type_k}" + (", flash attention" if use.flash_attention else "")
    yield f"{clean_line(subject.name)}"
    if found.source is Source.SIZE:
        rows = [("weights", needed.weights, ""), ("all else", needed.total - needed.weights, "estimated from it")]
    else:
        rows = [
            ("weights", needed.weights_needed, clean_line(subject.quantisation)),
            ("KV cache", needed.cache, cache),
            ("compute", needed.compute, f"{use.tokens} tokens at once"),
            ("overhead", needed.overhead, "the engine's own process, the tokenizer"),
        ]
    rows.append(("total", sum(size for _, size, _ in rows), f"from {_SOURCES[found.source]}"))
    if needed.gpu:
        rows.append(("on GPU", needed.gpu, f"{use.gpu_layers} layers"))
    rows.append(("budget", found.budget.share, f"{bytes_text(found.budget.available)} can be had now"))
    yield from lines(
        (Column(""), Column("", right=True), Column("", least=20)),
        [(name, bytes_text(size), text) for name, size, text in rows],
        terminal_width(),
    )[1:]
    reason = f": {found.verdict.reason}" if found.verdict.reason else f": {WORDS[found.verdict.level].meaning}"
    yield f"{WORDS[found.verdict.level].mark} {WORDS[found.verdict.level].word}{reason}"
    for way in found.alternatives:
        yield f"  {way.text}, {WORDS[way.level].word}"
    if found.verdict.level in (Level.OVER, Level.BLOCKED) and not found.alternatives:
        yield "  Nothing smaller that is known fits either."
    if at.taken.reserved:
        yield f"  {bytes_text(at.taken.reserved)} are promised to models at work."
