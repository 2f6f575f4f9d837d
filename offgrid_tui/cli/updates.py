"""`offgrid updates`: whether installed models are still what their repositories hold."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import Any

from offgrid_tui.catalog.hub.errors import RepositoryMissing
from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.cli.installed import installed_row
from offgrid_tui.cli.main import print_error
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.upstream import SAID, Offered, Upstream, compare
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (Column("Model", least=20), Column("State"), Column("Commit", rank=1), Column("", least=20))


@dataclass(frozen=True, slots=True)
class _Checked:
    """One model, and how it stands; `state` is None where nobody could be asked, and `problem` says why."""

    model: InstalledModel
    state: Upstream | None
    commit: str = ""
    problem: OffGridError | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these: an id, a name, a short name or a file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Asks the hub for each model that came from a repository, and changes nothing: what is installed stays as it "
        "is. Newer upstream: the repository has a later commit, the file is the same. Replaced upstream: under its "
        "name other bytes lie there now."
    )


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    settings = load_settings(paths)
    async with open_models(paths, settings) as opened:
        rows = [installed_row(opened, name) for name in args.names] or opened.models.rows()
        here = [row.installed for row in rows if row.installed is not None]
        models = [model for model in here if model.repository]
        if args.names and len(models) < len(here):
            name = next(model.name for model in here if not model.repository)
            raise NotFoundError(f"{clean_line(name)} came from no repository", detail="There is nothing to ask.")
        access = NetworkAccess(NetworkPolicy(settings.network), settings.network)
        hub = HubService(opened.database, access, lambda: load_catalog(paths).publishers)
        try:
            checked = await asyncio.gather(*(_check(hub, model) for model in models))
        finally:
            await hub.close()
    if args.json:
        print(json.dumps({"models": [_value(one) for one in checked]}, ensure_ascii=False, indent=2))
    else:
        for line in lines(_COLUMNS, (_cells(one) for one in checked), terminal_width()):
            print(line)
        rest = len(here) - len(models)
        print(f"{len(checked)} asked about" + (f", {rest} came from no repository" if rest else ""))
    problems = {str(one.problem): one.problem for one in checked if one.problem is not None}
    for problem in problems.values():
        print_error(problem)
    return int(next(iter(problems.values())).exit_code if problems else ExitCode.OK)


async def _check(hub: HubService, model: InstalledModel) -> _Checked:
    try:
        now = await hub.newest(model.repository)
    except RepositoryMissing:
        return _Checked(model, Upstream.GONE)
    except RefusedError:
        raise  # off-grid mode: as true for the others
    except OffGridError as problem:
        return _Checked(model, None, problem=problem)
    return _Checked(model, compare(model, Offered(now.commit, now.files)), now.commit)


def _cells(one: _Checked) -> tuple[str, ...]:
    name = f"{one.model.name} {one.model.facts.quantisation}".strip()
    if one.state is None:
        return (name, "not asked", "", one.problem.title if one.problem else "")
    said = SAID[one.state] if one.commit else "The repository is not there any more."
    return (name, one.state.value, one.commit[:12], said)


def _value(one: _Checked) -> dict[str, Any]:
    return {
        "id": one.model.id,
        "repository": one.model.repository,
        "installed_commit": one.model.revision or None,
        "state": one.state.value if one.state else None,
        "commit": one.commit or None,
        "problem": one.problem.title if one.problem else None,
    }
