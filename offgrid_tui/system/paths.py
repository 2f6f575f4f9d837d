"""Where things are: `$OFFGRID_HOME`, or the XDG places."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one home. Nothing is created by asking for them."""

    config: Path  # config.toml, themes/ of the user's own
    data: Path  # offgrid.db, models/, engines/
    state: Path  # logs/
    cache: Path
    runtime: Path  # the engine host's socket and lock; short, private to the user, gone after a reboot

    @property
    def settings_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def database(self) -> Path:
        return self.data / "offgrid.db"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def engines(self) -> Path:
        return self.data / "engines"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def socket(self) -> Path:
        return self.runtime / "engine.sock"

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Paths:
        """`$OFFGRID_HOME` holds everything; without it XDG_CONFIG_HOME and its kin, or their defaults.

        The runtime folder is named after the home, so that two homes of one user have two engine hosts, and lies
        where a Unix socket's 107-byte name fits.
        """
        if home := env.get("OFFGRID_HOME"):
            root = Path(home).expanduser().absolute()
            places = (root, root, root / "state", root / "cache")
        else:
            user = Path(env.get("HOME") or Path.home())
            places = (
                _xdg(env, "XDG_CONFIG_HOME", user / ".config"),
                _xdg(env, "XDG_DATA_HOME", user / ".local/share"),
                _xdg(env, "XDG_STATE_HOME", user / ".local/state"),
                _xdg(env, "XDG_CACHE_HOME", user / ".cache"),
            )
        config, data, state, cache = places
        key = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
        base = env.get("XDG_RUNTIME_DIR")
        if base and Path(base).is_dir() and len(base) < 60:
            runtime = Path(base) / "offgrid" / key
        else:
            runtime = Path("/tmp") / f"offgrid-{os.getuid()}" / key  # made 0700, and its owner checked, by runtime.py
        return cls(config, data, state, cache, runtime)


def _xdg(env: Mapping[str, str], name: str, default: Path) -> Path:
    value = env.get(name, "")
    return (Path(value) if value.startswith("/") else default) / "offgrid"  # the standard: relative ones are ignored
