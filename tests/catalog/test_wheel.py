"""The wheel that a user installs: what it carries, and that OffGrid finds it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"pip install -e '.[test]'\n{done.stdout}{done.stderr}"
    (found,) = folder.glob("*.whl")
    return found


def test_it_carries_our_data_as_it_is_in_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("offgrid_tui/_data/") for name in archive.namelist() if "/_data/" in name}
        assert names == {
            "catalog.toml",
            "constraints.txt",
            *(f"themes/{theme.name}" for theme in (ROOT / "themes").glob("*.toml")),
        }
        for name in names:
            assert archive.read(f"offgrid_tui/_data/{name}") == (ROOT / name).read_bytes()
        assert not [name for name in archive.namelist() if name.startswith(("tests/", "tools/"))]


def test_what_is_installed_from_it_finds_its_catalog(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    code = (
        "import json, sys, offgrid_tui\n"
        "from offgrid_tui.catalog.load import load_catalog\n"
        "from offgrid_tui.system.paths import Paths\n"
        "from offgrid_tui.system.resources import resource\n"
        "catalog = load_catalog(Paths.from_environment())\n"
        "print(json.dumps([offgrid_tui.__file__, str(resource('catalog.toml')), len(catalog.models)]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(place), "OFFGRID_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    package, catalog, models = json.loads(done.stdout)
    assert Path(package).is_relative_to(place)
    assert Path(catalog) == place / "offgrid_tui/_data/catalog.toml"
    assert models > 190
