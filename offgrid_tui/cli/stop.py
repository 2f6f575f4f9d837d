"""`offgrid stop`: end the engine host and free its memory."""

from __future__ import annotations

import argparse
import asyncio

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Answers that are running end. The engine starts again by itself when it is next asked."


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    stopped = asyncio.run(_stop(EngineClient(paths, load_settings(paths))))
    print("The engine has ended." if stopped else "No engine is running.")
    return int(ExitCode.OK)


async def _stop(client: EngineClient) -> bool:
    try:
        return await client.stop_host()
    finally:
        await client.close()
