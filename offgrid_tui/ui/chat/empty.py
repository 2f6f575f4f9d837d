"""What stands in an empty conversation: what can be done next, and nothing else."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from offgrid_tui.chat.guide import LABEL, NAME, is_guide
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.ui.chat.figures import stem


class Empty(Static):
    """Says what to do; never a picture for its own sake."""

    def __init__(self, model: str | None, models_folder: Path) -> None:
        super().__init__(markup=False)
        if model is None:
            self.update(no_model(models_folder))
        else:
            self.update(met() if is_guide(model) else ready(model))


def ready(model: str) -> Content:
    return Content.assemble(
        (clean_line(stem(model), 60), "bold $accent"),
        ("\nis loaded when you ask. Nothing leaves this machine.\n\n", "$muted"),
        *_key("enter", "sends the message"),
        *_key("^j", "begins a new line"),
        *_key("^c", "stops an answer, at any stage"),
        *_key("^o", "opens another model"),
        *_key("^p", "finds every other action"),
    )


def met() -> Content:
    """What the guide says of itself before anything is asked of it."""
    return Content.assemble(
        (NAME, "bold $accent"),
        (f"  {LABEL}\n", "$warn"),
        "I am Pocket, the guide inside OffGrid: a very small model that knows how OffGrid works and little else.\n"
        "Ask me what a key does, how to bring a model over on a USB stick, or which models fit this machine.\n"
        "I can be wrong where the help (?) is not. For real work get a real model.\n\n",
        *_key("esc 1", "opens the Catalog: what there is, and what fits this machine"),
        *_key("^o", "chooses another model that is here"),
        *_key("enter", "sends the message"),
        *_key("^c", "stops an answer, at any stage"),
        *_key("^p", "finds every other action"),
    )


def no_model(folder: Path) -> Content:
    return Content.assemble(
        ("No model yet\n", "bold"),
        ("OffGrid talks to GGUF files, the format of llama.cpp.\n\n", "$muted"),
        *_key("^o", "opens a model file on this machine"),
        "\n",
        ("Files that lie in this folder are offered there:\n", "$muted"),
        (clean_line(str(folder), 400), ""),
        ("\n\nFrom the shell: ", "$muted"),
        "offgrid --model PATH.gguf",
    )


def _key(key: str, does: str) -> tuple[tuple[str, str], str]:
    return (f"{key:>6}", "$accent"), f"  {does}\n"
