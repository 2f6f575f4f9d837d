"""Where other tools keep their models on this machine, by their own environment variables and defaults."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from offgrid_tui.library.finders import folders, huggingface, ollama
from offgrid_tui.library.finders.model import Store

TOOLS = ("huggingface", "llama.cpp", "lmstudio", "ollama")


def stores(env: Mapping[str, str] = os.environ, home: Path | None = None) -> dict[str, tuple[Store, ...]]:
    """Tool (as in TOOLS) -> its folders, whether they exist or not; each folder once."""
    home = home or Path(env.get("HOME") or Path.home())
    cache = Path(env.get("XDG_CACHE_HOME") or home / ".cache")
    return {
        "huggingface": (_huggingface(env, cache, home),),
        "llama.cpp": (Store("llama.cpp", _llama_cpp(env, cache, home), folders.find_llama_cpp),),
        "lmstudio": tuple(Store("LM Studio", path, folders.find_lm_studio) for path in _lm_studio(home)),
        "ollama": tuple(Store("Ollama", path, ollama.find) for path in _ollama(env, home)),
    }


def any_folder(folder: Path) -> Store:
    return Store(str(folder), folder, folders.find_anywhere)


def _huggingface(env: Mapping[str, str], cache: Path, home: Path) -> Store:
    """HF_HUB_CACHE, its older name, HF_HOME/hub, ~/.cache/huggingface/hub: in this order, as huggingface_hub looks."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if value := env.get(name):
            return Store("Hugging Face", _expanded(value, home), huggingface.find)
    root = _expanded(env["HF_HOME"], home) if env.get("HF_HOME") else cache / "huggingface"
    return Store("Hugging Face", root / "hub", huggingface.find)


def _llama_cpp(env: Mapping[str, str], cache: Path, home: Path) -> Path:
    """LLAMA_CACHE, else the platform's cache folder (common/common.cpp: fs_get_cache_directory)."""
    if value := env.get("LLAMA_CACHE"):
        return _expanded(value, home)
    return home / "Library/Caches/llama.cpp" if sys.platform == "darwin" else cache / "llama.cpp"


def _lm_studio(home: Path) -> tuple[Path, ...]:
    """The folder that its settings name, else where its versions have had it."""
    pointer = home / ".lmstudio-home-pointer"
    roots = [home / ".lmstudio"]
    try:
        roots.insert(0, Path(pointer.read_text("utf-8").strip()))
    except (OSError, ValueError):
        pass
    for root in roots:
        try:
            value = json.loads((root / "settings.json").read_bytes()[: 2**20])["downloadsFolder"]
            return (_expanded(str(value), home),)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(dict.fromkeys((*(root / "models" for root in roots), home / ".cache/lm-studio/models")))


def _ollama(env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """OLLAMA_MODELS, else the user's folder and that of the system's service."""
    if value := env.get("OLLAMA_MODELS"):
        return (_expanded(value, home),)
    return (home / ".ollama/models", Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/models"))


def _expanded(value: str, home: Path) -> Path:
    return home / value[2:] if value.startswith("~/") else Path(value).absolute()
