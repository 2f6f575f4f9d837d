"""The model file that a command names: by its path, or by any name of a model that is here."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.foundation.errors import NotFoundError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.system.paths import Paths

SHOWN = 5  # names that an error proposes


def named_model(text: str, paths: Paths) -> str:
    """The file that `text` means: a path, or an id, name or short name of an installed model.

    Raises:
        NotFoundError: there is no such file, no such name, or the model that it names is not here.
        UsageError: several models have that name.
        RefusedError: the file can't be read.
    """
    path = Path(text).expanduser()
    if path.is_file() or text.startswith(("/", "./", "../", "~")) or path.suffix.lower() == ".gguf":
        return model_path(text)
    # The catalog and SQLite: 100 ms that a path spares.
    from offgrid_tui.catalog.load import load_catalog
    from offgrid_tui.catalog.model import Source
    from offgrid_tui.catalog.resolver import Resolver
    from offgrid_tui.catalog.store import aliases
    from offgrid_tui.chat.guide import guide
    from offgrid_tui.database.database import Database
    from offgrid_tui.library.store import LibraryStore

    database = Database.open(paths.database)
    try:
        store = LibraryStore(paths.models)
        here, own = database.read_now(lambda conn: (store.models(conn), aliases(conn)))
    finally:
        database.close_now()
    found = Resolver(load_catalog(paths), own, lambda: here).resolve(text)
    if found.installed:
        return model_path(str(next(model.path for model in here if model.id == found.installed)))
    if found.path is not None:
        return model_path(str(found.path))
    if found.model is not None and found.model.source is Source.BUNDLED and (file := guide()):
        return file
    title = clean_line(found.model.name if found.model is not None else text)
    raise NotFoundError(
        f"{title} is not here",
        detail=f"{clean_line(text)} is {found.why}.",
        mend="`offgrid list` shows what is here; `offgrid import FILE` brings a model.",
    )


def model_path(text: str) -> str:
    """`text` as the absolute path of a file that can be opened.

    Raises:
        NotFoundError: there is no such file; names those that are near.
        RefusedError: it can't be read.
    """
    path = Path(text).expanduser().absolute()
    try:
        with path.open("rb"):
            return str(path)
    except FileNotFoundError:
        title = f"There is no file {clean_line(text)}"
        raise NotFoundError(title, detail=_near(path), mend="Give --model the path of a .gguf file.") from None
    except IsADirectoryError:
        title = f"{clean_line(text)} is a folder, not a model"
        raise NotFoundError(title, detail=_inside(path), mend="Give --model the path of a .gguf file.") from None
    except OSError as error:
        raise RefusedError(
            f"{clean_line(text)} can't be read", detail=f"{error.strerror}.", mend="Check who may read it."
        ) from None


def _near(path: Path) -> str:
    """What stands where `path` was looked for, the names most like it first."""
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {clean_line(str(folder))} either."
    import difflib  # 13 ms that only a mistake costs

    models = _models(folder)
    names = difflib.get_close_matches(path.name, models, SHOWN, cutoff=0.3) or sorted(models)
    if not names:
        return f"No .gguf file is in {clean_line(str(folder))}."
    return "Near it: " + _lines(folder, names)


def _inside(folder: Path) -> str:
    names = sorted(_models(folder))
    return "In it: " + _lines(folder, names) if names else "No .gguf file is in it."


def _lines(folder: Path, names: list[str]) -> str:
    shown = [f"{clean_line(name)} ({bytes_text((folder / name).stat().st_size)})" for name in names[:SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _models(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix == ".gguf" and entry.is_file()]
    except OSError:
        return []
