"""Who answers where nobody was named."""

from __future__ import annotations

import os
from pathlib import Path

from offgrid_tui.chat.guide import guide, here, is_guide, temperature, usual_model
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, Origin
from offgrid_tui.settings.schema import Origin as From
from offgrid_tui.settings.schema import Settings

ELSEWHERE = "/opt/old/lib/python3.11/site-packages/offgrid_tui/starter/pocket.gguf"


def file(path: Path, age: float = 0.0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF")
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return str(path)


def test_what_somebody_brought_comes_before_the_guide(tmp_path: Path) -> None:
    models, last = tmp_path / "models", file(tmp_path / "last.gguf")
    assert usual_model((), (), models) == guide()
    old = file(models / "a/b/old.gguf", age=100)
    assert usual_model((), (), models) == old
    new = file(models / "a/c/new.gguf")
    assert usual_model((), (), models) == new
    assert usual_model((ELSEWHERE, str(tmp_path / "gone.gguf"), last), (), models) == last


def test_what_no_model_is_is_not_taken_for_one(tmp_path: Path) -> None:
    first = file(tmp_path / "big-00001-of-00002.gguf", age=50)
    file(tmp_path / "big-00002-of-00002.gguf")
    file(tmp_path / "mmproj-big-f16.gguf")
    assert usual_model((), (), tmp_path) == first


def installed(path: str, *capabilities: str, problem: str = "", last_used: float | None = None) -> InstalledModel:
    return InstalledModel(
        path, path, Origin.ADOPTED, (InstalledFile(Path(path), 4, 0.0, None),), Check.UNKNOWN, 0.0,
        Facts(capabilities=capabilities), problem=problem, last_used=last_used,
    )  # fmt: skip


def test_what_is_installed_and_can_talk_comes_before_the_guide(tmp_path: Path) -> None:
    models = tmp_path / "models"
    adopted, used = file(tmp_path / "elsewhere/a.gguf"), file(tmp_path / "elsewhere/b.gguf", age=50)
    embedder, broken = file(models / "embed.gguf"), file(models / "broken.gguf")
    known = [installed(embedder, "embedding"), installed(broken, problem="changed"), installed("/gone.gguf", "chat")]
    assert usual_model((), known, models) == guide()
    known.append(installed(adopted, "chat", "tools"))
    assert usual_model((), known, models) == adopted
    known.append(installed(used, last_used=5.0))
    assert usual_model((), known, models) == used
    assert usual_model((adopted,), known, models) == adopted


def test_the_guide_is_known_wherever_it_was_installed() -> None:
    assert is_guide(ELSEWHERE)
    assert not is_guide("/home/me/pocket.gguf") and not is_guide(None)
    assert here(ELSEWHERE) == (guide() or ELSEWHERE)
    assert here("/home/me/x.gguf") == "/home/me/x.gguf" and here(None) is None


def test_the_guide_says_what_is_likeliest_unless_the_user_chose() -> None:
    settings, chosen = Settings(), Settings(origins={"chat.temperature": From("file")})
    assert temperature(ELSEWHERE, settings) == 0.0
    assert temperature(ELSEWHERE, chosen) == settings.chat.temperature
    assert temperature("/home/me/x.gguf", settings) == settings.chat.temperature
