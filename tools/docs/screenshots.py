"""The pictures in docs/images, taken of the real program with the real engine. `python -m tools.docs.screenshots`

The model is one that knows a single text by heart (tools/models/reciter.py): what it says is written here, and what
the screen says about its speed was measured while it said it. OFFGRID_ENGINE_PYTHON names the interpreter with
llama_cpp where this one has none.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.app import OffGridApp
from tools.models.reciter import reciter_model
from tools.models.vocabulary import CHATML

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs/images"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
SIZE = (116, 34)
DEADLINE = 120.0  # seconds

BEFORE = ("What fits into 16 GB?", "Notes on the boat engine", "Explain KV cache to my brother")
QUESTION = "What am I looking at, and are these figures real?"
THINKING = "I know one text by heart. I had better say so, and then say it."
ANSWER = """This is the chat screen of OffGrid. I am a **test model**: I know this one text by heart, and llama.cpp \
runs me like any other. The figures around me were measured while I spoke.

```python
# what fits is known before anything is loaded
needs = weights + kv_cache(context) + compute
verdict = "safe" if needs <= budget else "blocked"
```

| on screen | is |
| --- | --- |
| t/s | tokens of the last second while I speak, llama.cpp's clock afterwards |
| TTFT | from your enter to my first token, loading included |
| ctx | tokens of this chat, as the model's own template renders them |
| RAM | what OffGrid holds, of what it may hold |

Stop me with `ctrl+c` whenever you like: what came is kept.
"""


async def take(home: Path, model: Path) -> dict[str, str]:
    """Ask in a workstation on `home`, then look into the catalog; the screens by name, as SVG."""
    paths = Paths.from_environment(os.environ | {"OFFGRID_HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
    app = OffGridApp(paths, load_settings(paths), str(model))
    async with app.run_test(size=SIZE) as pilot:

        async def until(fact: Callable[[], bool]) -> None:
            async with asyncio.timeout(DEADLINE):
                while not fact():
                    await pilot.pause(0.05)

        await until(app.opened.is_set)
        chat = app.workstation.chat
        for title in BEFORE:
            await chat.rename((await chat.create(str(model))).id, title)
        screen = app.chat_screen
        for character in QUESTION:
            await pilot.press("space" if character == " " else character)
        await pilot.press("enter")
        await until(lambda: screen.running is not None)
        await until(lambda: screen.running is None)
        await until(lambda: app.pulse.memory_used is not None)
        await pilot.pause(2)  # the memory is looked at once more, and the line drawn
        pictures = {"chat": app.export_screenshot(title="OffGrid", simplify=True)}
        await pilot.press("escape", "1")
        await app.workstation.models.ready()
        await until(lambda: "t/s" in app.export_screenshot(simplify=True).rpartition("speed&#160;here")[2])
        pictures["catalog"] = app.export_screenshot(title="OffGrid", simplify=True)
        await app.workstation.engine.stop_host()
    return pictures


def with_system_fonts(svg: str) -> str:
    """`svg` without Textual's web font; a picture in a README loads nothing from elsewhere."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: (Fira Code|monospace)[^;]*;", f"font-family: {FONTS};", svg)
    svg = re.sub(r"font-family: arial;", "font-family: sans-serif;", svg)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"[ \t]+\n", "\n", svg)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        model = reciter_model(
            Path(folder) / "reciter.gguf", ANSWER, thinking=THINKING, layers=4, width=512, context=8192,
            template=CHATML, name="Reciter",
        )  # fmt: skip
        pictures = asyncio.run(take(Path(folder) / "home", model))
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        target = IMAGES / f"{name}.svg"
        target.write_text(with_system_fonts(picture))
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
