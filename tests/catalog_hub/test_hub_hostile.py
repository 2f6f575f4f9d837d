"""A hub that says anything at all: what comes out is a page, a repository or an error of ours."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

from offgrid_tui.catalog.hub.model import Search
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean
from tests.catalog_hub.conftest import Make
from tests.support.hub import LoopbackHub

NAME = "acme/m-GGUF"
FIELDS = (
    "id", "sha", "author", "lastModified", "createdAt", "private", "gated", "disabled", "downloads", "likes",
    "trendingScore", "tags", "pipeline_tag", "library_name", "siblings", "gguf", "cardData", "config", "safetensors",
    "transformersInfo", "inferenceProviderMapping", "evalResults", "widgetData", "model-index", "spaces", "self",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1e308, "", "x", "\x1b]0;t\x07", "../../etc/passwd", "9999-99-99T00:00:00.000Z",
    "0001-01-01T00:00:00.000Z", "a" * 5000, [], {}, [None], [1, "x", {}], [{"rfilename": None}], [{"rfilename": 5}],
    [{"rfilename": "m-Q4_0.gguf", "lfs": 5}], [{"rfilename": "m-Q4_0.gguf", "lfs": {"size": "x"}}],
    [{"rfilename": "m-Q4_0.gguf", "lfs": {"size": -5, "sha256": [], "pointerSize": 1}}],
    [{"rfilename": "m-Q4_0.gguf", "size": {}}], [{"rfilename": "../m-Q4_0.gguf"}], {"total": "many"},
    {"total": 2**80, "architecture": ["x"], "context_length": -1}, {"parameters": 1}, "\ud800", "license:\ud800",
    ["license:\ud800\x1b", "base_model:x/../y"],
)  # fmt: skip


async def test_whatever_the_hub_says(hub: LoopbackHub, service: Make) -> None:
    dice, raised = random.Random(7), []
    threading.excepthook, before = lambda args: raised.append(args.exc_value), threading.excepthook
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context))
    one, problems, fine = service(), 0, 0
    try:
        for _ in range(60):
            hub.add(NAME, {"m-Q4_0.gguf": b"x"}).extra = {
                dice.choice(FIELDS): dice.choice(VALUES) for _ in range(dice.randint(1, 3))
            }
            found = await one.search(Search(), fresh=-1)
            problems, fine = problems + (found.problem is not None), fine + (not found.cached)
            for model in found.models:
                assert clean(repr(model)) == repr(model) and "\\x1b" not in repr(model) and "\\ud800" not in repr(model)
                assert all(".." not in file.path for variant in model.variants for file in variant.files)
            for ask in (one.details(NAME, fresh=-1), one.newest(NAME)):
                try:
                    await ask
                except OffGridError as error:
                    assert clean(str(error)) == str(error)
    finally:
        threading.excepthook = before
    assert raised == []
    assert problems > 3 and fine > 15  # both ways were gone
