"""`offgrid wish`: what this machine would like to have, as a small file for a machine with a network."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tomllib

from offgrid_tui.cli.models import Opened, open_models
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.fit.recommend import ROLES
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.clock import SystemClock
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.bandwidth import memory_bandwidth
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.media import room
from offgrid_tui.transfer.wish import Target, WishList, now_text, wants_of, write_wish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="models as `offgrid show` takes them: qwen3:4b, …")
    parser.add_argument(
        "--for", dest="uses", action="append", choices=ROLES, default=[], help="whatever suits this use best"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of TOML")
    parser.epilog = (
        "Prints a file to be carried: `offgrid wish qwen3:4b > wish.toml`. Without a name it asks for a model to chat "
        "with. It tells memory, processor, free disk and the SHA-256 of models that are here, and no name of anybody. "
        "`offgrid fulfil` on the other side picks what fits this machine."
    )


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    return asyncio.run(_run(args, paths, load_settings(paths)))


async def _run(args: argparse.Namespace, paths: Paths, settings: Settings) -> int:
    wants = wants_of(args.names, args.uses)
    async with open_models(paths, settings) as opened:
        for want in wants:
            if want.name:
                _look_up(opened, want.name)
        models = opened.models.library.models
        have = frozenset(file.sha256 for one in models if not one.problem for file in one.files if file.sha256)
        target = await asyncio.to_thread(_target, paths, settings)
    text = write_wish(WishList(target, wants, have, now_text(SystemClock().wall())))
    if args.json:
        print(json.dumps(tomllib.loads(text), ensure_ascii=False, indent=2))
    else:
        sys.stdout.write(text)
    return int(ExitCode.OK)


def _look_up(opened: Opened, name: str) -> None:
    """A name that nothing here knows is wished for all the same: the other side may have a newer catalog."""
    try:
        opened.resolver.resolve(name)
    except OffGridError:
        print(f"offgrid: {clean_line(name)} is in no catalog here; the other side may know it", file=sys.stderr)


def _target(paths: Paths, settings: Settings) -> Target:
    at = FitService(settings, on_gpu=uses_gpu(paths, settings)).snapshot()
    gpus = uses_gpu(paths, settings)
    bandwidth = memory_bandwidth(paths.cache, at.hardware)
    return Target(
        memory=at.memory.total,
        available=at.memory.available,
        share=at.memory.share,
        architecture=at.hardware.cpu.architecture,
        features=at.hardware.cpu.features,
        gpu_memory=at.vram.total if gpus else 0,
        gpu_share=at.vram.share if gpus else 0,
        gpu_available=at.vram.available if gpus else 0,
        disk_free=room(paths.models),
        bandwidth=bandwidth or 0.0,
        context=settings.engine.context or 0,
        kv_type=settings.engine.kv_type or "",
    )
