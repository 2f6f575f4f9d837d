"""How a Python of ours is started: the command line of the host and of its workers.

`python -m` would look for the package in the current folder or an installation. Neither need be there: OffGrid runs
from a checkout too, and a worker runs in an interpreter that has llama.cpp but not OffGrid.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE_PARENT = Path(__file__).resolve().parent.parent.parent  # the folder that holds offgrid_tui

# argv: folder, module, then the module's own arguments. A host must run the code of the client that starts it, so its
# folder goes first; in the engine's environment everything but OffGrid is to come from there, so it goes last.
_BOOTSTRAP = (
    "import runpy, sys; "
    "folder, module = sys.argv[1:3]; "
    "sys.path.insert({place}, folder); "
    "del sys.argv[1:3]; "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def own_command(python: str, module: str, *arguments: str) -> list[str]:
    """The command that runs `module` of this very code in `python`."""
    return [python, "-P", "-c", _BOOTSTRAP.format(place="0"), str(PACKAGE_PARENT), module, *arguments]


def guest_command(python: str, module: str, *arguments: str) -> list[str]:
    """The command that runs `module` in another environment, whose own packages come first."""
    return [python, "-P", "-c", _BOOTSTRAP.format(place="len(sys.path)"), str(PACKAGE_PARENT), module, *arguments]
