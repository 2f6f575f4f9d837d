"""The rules of the house: who may import whom, and what a quick command may load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def loaded_by(*words: str) -> set[str]:
    """The top-level packages that a fresh process holds after `offgrid WORDS`."""
    code = (
        "import sys\n"
        "from offgrid_tui.cli.main import run\n"
        "try:\n    run(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('loaded', *sorted({m.split('.')[0] for m in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["ask", "--help"]])
def test_a_quick_command_loads_nothing_heavy(words: list[str]) -> None:
    loaded = loaded_by(*words)
    assert "offgrid_tui" in loaded
    assert not loaded & {"textual", "rich", "huggingface_hub", "llama_cpp", "numpy", "psutil", "apsw", "jinja2"}
    assert not loaded & {"httpx2", "httpcore2"}


def test_the_workstation_loads_no_http_before_somebody_asks() -> None:
    code = "import sys, offgrid_tui.workstation; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"httpx2", "huggingface_hub", "textual", "llama_cpp"}


@pytest.mark.parametrize("package", sorted(p.parent.name for p in ROOT.glob("offgrid_tui/*/__init__.py")))
def test_a_package_root_imports_nothing(package: str) -> None:
    code = f"import sys, offgrid_tui.{package}; print(*[m for m in sys.modules if m.startswith('offgrid_tui')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"offgrid_tui", f"offgrid_tui.{package}"}
