"""The runtime folder is ours alone, or refused; packaged files are found."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import DamagedError, RefusedError
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource
from offgrid_tui.system.runtime import ensure_runtime_dir


def test_is_made_private(home: Paths) -> None:
    folder = ensure_runtime_dir(home)
    assert folder == home.runtime
    for part in (folder, folder.parent):
        assert stat.S_IMODE(part.stat().st_mode) == 0o700
    assert ensure_runtime_dir(home) == folder  # and again


def test_permissions_for_others_are_taken_away(home: Paths) -> None:
    home.runtime.mkdir(parents=True)
    home.runtime.parent.chmod(0o777)
    home.runtime.chmod(0o755)
    ensure_runtime_dir(home)
    assert stat.S_IMODE(home.runtime.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.runtime.parent.stat().st_mode) == 0o700


def test_a_link_is_refused(home: Paths, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    home.runtime.parent.symlink_to(trap)
    with pytest.raises(RefusedError, match="not safe"):
        ensure_runtime_dir(home)


def test_a_link_in_the_place_of_the_folder_itself_is_refused(home: Paths, tmp_path: Path) -> None:
    home.runtime.parent.mkdir(mode=0o700)
    home.runtime.symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="not safe"):
        ensure_runtime_dir(home)


def test_a_file_in_the_place_is_refused(home: Paths) -> None:
    home.runtime.parent.mkdir(mode=0o700)
    home.runtime.write_text("")
    with pytest.raises(RefusedError, match="not safe"):
        ensure_runtime_dir(home)


def test_somebody_elses_folder_is_refused(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_runtime_dir(home)
    monkeypatch.setattr(os, "getuid", lambda: home.runtime.stat().st_uid + 1)
    with pytest.raises(RefusedError, match="belongs to user"):
        ensure_runtime_dir(home)


def test_without_a_runtime_folder_of_the_system(tmp_path: Path) -> None:
    paths = Paths.from_environment({"OFFGRID_HOME": str(tmp_path)})
    assert paths.runtime.is_relative_to(f"/tmp/offgrid-{os.getuid()}")
    assert len(os.fsencode(paths.socket)) <= 107
    other = Paths.from_environment({"OFFGRID_HOME": str(tmp_path / "other")})
    assert other.runtime != paths.runtime


def test_a_long_runtime_folder_is_not_used(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="x" * 80) as long:
        paths = Paths.from_environment({"OFFGRID_HOME": str(tmp_path), "XDG_RUNTIME_DIR": long})
        assert len(os.fsencode(paths.socket)) <= 107


def test_the_xdg_places() -> None:
    env = {"HOME": "/home/ada", "XDG_CONFIG_HOME": "/cfg", "XDG_DATA_HOME": "relative", "XDG_STATE_HOME": ""}
    paths = Paths.from_environment(env)
    assert str(paths.settings_file) == "/cfg/offgrid/config.toml"
    assert str(paths.database) == "/home/ada/.local/share/offgrid/offgrid.db"
    assert str(paths.logs) == "/home/ada/.local/state/offgrid/logs"


def test_packaged_files_are_found() -> None:
    assert resource("constraints.txt").is_file()
    assert resource("themes").is_dir()
    with pytest.raises(DamagedError, match=r"nothing\.bin"):
        resource("nothing.bin")
