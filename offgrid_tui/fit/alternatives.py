"""What could be changed so that a model fits, best first: what costs least quality before what costs more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from offgrid_tui.fit.model import Alternative, Estimate, Level, Sibling, Use, Verdict, Way
from offgrid_tui.fit.use import LEAST_CONTEXT, PLAIN_TYPES
from offgrid_tui.foundation.units import bytes_text

Reckon = Callable[[Use], Estimate]  # of the model itself, for another use
Judge = Callable[[Estimate], Verdict]
SMALL_KV = "q8_0"  # half of f16, and hardly worse
SMALL_BATCH = 64  # tokens of a prompt at once: a quarter of the scratch memory, and on a processor as fast
MODELS = 2  # other models that are named


def alternatives(
    use: Use,
    reckon: Reckon,
    judge: Judge,
    siblings: Iterable[Sibling] = (),
    of_sibling: Callable[[Sibling, Use], Estimate] | None = None,
) -> tuple[Alternative, ...]:
    """The changes by which the model would fit: never one that does not.

    Args:
        siblings: files that could be loaded instead.
        of_sibling: what one of them needs.
    """
    found = [*_batch(use, reckon, judge), *_kv_type(use, reckon, judge), *_context(use, reckon, judge)]
    if of_sibling is not None:
        others = sorted(siblings, key=lambda sibling: -sibling.size)
        models = 0
        for sibling in others:
            judged = judge(of_sibling(sibling, use))
            if not _fits(judged):
                continue
            if sibling.same:
                if not any(other.way is Way.QUANTISATION for other in found):  # the best of them
                    found.append(_alternative(Way.QUANTISATION, sibling.name, judged, f"as {sibling.name}"))
            elif models < MODELS:
                models += 1
                found.append(_alternative(Way.MODEL, sibling.name, judged, f"{sibling.name} instead"))
    return tuple(found)


def shorter_context(use: Use, reckon: Reckon, room: int) -> Use | None:
    """`use` with the largest context, halved again and again, that needs at most `room` bytes; None where even the
    least does not."""
    for context in _halves(use.context):
        candidate = replace(use, context=context)
        if reckon(candidate).memory <= room:
            return candidate
    return None


def smaller_batch(use: Use, reckon: Reckon, room: int) -> Use | None:
    """`use` with SMALL_BATCH tokens at once, where that makes it need at most `room` bytes."""
    candidate = replace(use, batch=SMALL_BATCH)
    return candidate if use.batch > SMALL_BATCH and reckon(candidate).memory <= room else None


def _batch(use: Use, reckon: Reckon, judge: Judge) -> Iterator[Alternative]:
    if use.batch > SMALL_BATCH and _fits(judged := judge(reckon(replace(use, batch=SMALL_BATCH)))):
        yield _alternative(Way.BATCH, str(SMALL_BATCH), judged, f"reading prompts by {SMALL_BATCH} tokens")


def _kv_type(use: Use, reckon: Reckon, judge: Judge) -> Iterator[Alternative]:
    if use.kv_type_k not in PLAIN_TYPES:
        return
    small = replace(use, kv_type_k=SMALL_KV, kv_type_v=SMALL_KV, flash_attention=True)
    if _fits(judged := judge(reckon(small))):
        yield _alternative(Way.KV_TYPE, SMALL_KV, judged, f"with a KV cache of {SMALL_KV}")


def _context(use: Use, reckon: Reckon, judge: Judge) -> Iterator[Alternative]:
    for context in _halves(use.context):
        if _fits(judged := judge(reckon(replace(use, context=context)))):
            yield _alternative(Way.CONTEXT, str(context), judged, f"with a context of {context} tokens")
            return


def _halves(context: int) -> Iterator[int]:
    while (context := context // 2) >= LEAST_CONTEXT:
        yield context


def _fits(judged: Verdict) -> bool:
    return judged.level in (Level.SAFE, Level.TIGHT)


def _alternative(way: Way, value: str, judged: Verdict, text: str) -> Alternative:
    return Alternative(way, value, judged.needs, judged.level, f"{text}: needs {bytes_text(judged.needs)}")
