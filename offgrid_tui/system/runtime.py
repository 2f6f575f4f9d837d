"""The folder of the engine host's socket and lock: ours alone, or not used at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.system.paths import Paths


def ensure_runtime_dir(paths: Paths) -> Path:
    """Make `paths.runtime` and its parent (0700) where they are missing, and prove that both are this user's.

    Below /tmp anybody can make a folder first, and so own what is put there. So each of the two must be a real folder
    (no symbolic link), owned by us; permissions for others are taken away.

    Raises:
        RefusedError: somebody else owns it, it is a link or a file, or it cannot be made.
    """
    for folder in (paths.runtime.parent, paths.runtime):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(folder, f"it cannot be made: {error.strerror}") from None
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise _refused(folder, "it is a symbolic link")
        if found.st_uid != os.getuid():
            raise _refused(folder, f"it belongs to user {found.st_uid}")
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    return paths.runtime


def _refused(folder: Path, why: str) -> RefusedError:
    return RefusedError(
        "the folder for the engine's socket is not safe to use",
        detail=f"{folder}: {why}.",
        mend="Remove it, or set XDG_RUNTIME_DIR to a folder of your own, and start again.",
    )
