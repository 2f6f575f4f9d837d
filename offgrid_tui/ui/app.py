"""The application: opens the workstation inside its own loop, holds the frame's state, and leaves in good order."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, TextArea

from offgrid_tui.chat.model import Turn
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource
from offgrid_tui.ui import clipboard, messages
from offgrid_tui.ui.chat.figures import stem
from offgrid_tui.ui.chat.screen import ChatScreen
from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.frame.screen import FrameScreen
from offgrid_tui.ui.themes import FALLBACK, load_themes, variable_defaults
from offgrid_tui.ui.widgets.gauge import Drawing

if TYPE_CHECKING:
    from offgrid_tui.settings.schema import Settings
    from offgrid_tui.ui.bridge import Bridge
    from offgrid_tui.workstation import Workstation

TWICE = 2.0  # seconds within which a second ctrl+c asks to quit
LEAVE_SECONDS = 8.0  # after a signal: longer than the workstation takes to save, then we go whatever happens


@dataclass(frozen=True, slots=True)
class Mode:
    """A screen of the strip."""

    name: str
    key: str
    title: str


class OffGridApp(App[None]):
    """One workstation on one terminal.

    Args:
        model: a model file to talk to, from the command line.
        opener: opens the workstation; awaited once the first frame is drawn.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False  # ours is faster, and parses no markup out of what it lists
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"chat": ChatScreen}
    DEFAULT_MODE = "chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Stop", id="app.stop", tooltip="Stop the answer, or copy selected text",
                priority=True),
        Binding("ctrl+o", "open_model", "Model", id="app.model", tooltip="Open a model file", priority=True),
        Binding("ctrl+q", "leave", "Quit", id="app.quit", tooltip="Quit OffGrid", priority=True),
        Binding("ctrl+p", "palette", "Palette", id="app.palette", tooltip="Every action by its name"),
        Binding("f1,question_mark", "help", "Help", id="app.help", tooltip="The keys of this screen"),
        Binding("3", "mode('chat')", "Chat", id="app.chat", tooltip="Go to the chat screen", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        model: str | None = None,
        *,
        opener: Callable[[], Awaitable[Workstation]] | None = None,
    ) -> None:
        super().__init__()
        self.paths, self.settings = paths, settings
        self.model = model or settings.chat.model
        self.model_was_asked_for = model is not None
        self.offgrid = settings.network.offgrid
        self.modes = (Mode("chat", "3", "Chat"),)
        self.pulse = Pulse(model=stem(self.model) if self.model else None)
        self.opened = asyncio.Event()
        self.failure: OffGridError | None = None
        self.workstation: Workstation
        self.bridge: Bridge
        self._opener = opener or self._open_workstation
        self._interrupted = 0.0
        self._leaving = False
        self.animation_level = "none"  # nothing glides: every step of it would be a packet over SSH

    # ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def on_mount(self) -> None:
        self._load_themes()
        self.set_keymap(dict(self.settings.keys))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            if threading.current_thread() is threading.main_thread():
                loop.add_signal_handler(number, self._told_to_leave, number)
        self.call_after_refresh(self.run_worker, self._open(), exit_on_error=False)

    async def _open_workstation(self) -> Workstation:
        # The database and all that stands on it: 100 ms of import that the first frame does not wait for.
        from offgrid_tui.workstation import Workstation

        return await Workstation.open(self.paths, self.settings)

    async def _open(self) -> None:
        from offgrid_tui.ui.bridge import Bridge, write_rate

        try:
            self.workstation = await self._opener()
        except OffGridError as error:
            self.failure = error  # told on the terminal, after the screen is given back
            self.exit(return_code=int(error.exit_code))
            return
        self.bridge = Bridge(self.workstation.bus, self.settings.ui.frame_rate or write_rate())
        self.bridge.add(self)
        self.pulse.label = clean_line(self.workstation.provider.label, 40)
        if self.model is None:
            recent = await self.workstation.recent.list()
            self.choose_model(next((m for m in recent if Path(m).is_file()), None))
        self._settle()
        chat = self.chat_screen
        self.bridge.add(chat)
        await chat.workstation_opened()
        await chat.model_changed()
        self.opened.set()
        for problem in self.settings.problems:
            self.notify(str(problem), title="A setting can't be used", severity="warning", timeout=12)

    def _settle(self) -> None:
        self.pulse.activity = Activity.IDLE if self.model else Activity.NONE

    @property
    def chat_screen(self) -> ChatScreen:
        screen = self.get_screen_stack("chat")[0] if hasattr(self, "get_screen_stack") else self.screen_stack[0]
        assert isinstance(screen, ChatScreen)
        return screen

    async def close_workstation(self) -> None:
        if self.opened.is_set():
            self.opened.clear()
            self.bridge.close()
            await self.workstation.close()

    async def on_unmount(self) -> None:
        await self.close_workstation()

    # ── looks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def drawing(self) -> Drawing:
        if self.settings.ui.ascii:
            return Drawing.ASCII
        return Drawing.BLOCKS if self.native_ansi_color or self.no_color else Drawing.SHADES

    def _load_themes(self) -> None:
        found = load_themes((resource("themes"), self.paths.config / "themes"))
        for name in tuple(self.available_themes):
            self.unregister_theme(name)
        for theme in found.themes.values():
            self.register_theme(theme)
        wanted = self.settings.ui.theme
        if wanted not in found.themes:
            names = ", ".join(sorted(found.themes))
            self.notify(f"There is no theme {wanted!r}. There are: {names}", severity="warning")
        for problem in found.problems:
            self.notify(f"{problem.file.name}: {problem.what}", title="A theme can't be used", severity="warning")
        self.theme = wanted if wanted in found.themes else FALLBACK

    def use_theme(self, name: str) -> None:
        """Take a theme, and remember it."""
        self.theme = name

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """As Textual's, but markup stays off whoever asks, and the text is cleaned."""
        super().notify(
            clean(message), title=clean_line(title), severity=severity, timeout=timeout or 5, markup=False
        )

    def notify_error(self, error: OffGridError) -> None:
        """Title, why, and what to do next."""
        text = "\n".join(part for part in (error.detail, error.mend) if part)
        self.notify(text or error.title, title=error.title if text else "", severity="error", timeout=10)

    # ── the model ──────────────────────────────────────────────────────────────────────────────────────────────────

    def choose_model(self, model: str | None) -> None:
        """What the next message is asked of. Nothing is loaded before that."""
        if model == self.model and self.pulse.model is not None:
            return
        self.model = model
        self.pulse.model = stem(model) if model else None
        self.pulse.context_size = None
        self._settle()

    def wishes(self) -> dict[str, Any]:
        """What an answer is asked for with, by the settings."""
        return {"model": self.model, "sampling": self.workstation.sampling}

    def show_figures(self, turn: Turn | None) -> None:
        """Another conversation was opened: its context is shown, not the last one's."""
        figures = turn.figures if turn else None
        used = None
        if figures and figures.prompt_tokens is not None:
            used = figures.prompt_tokens + (figures.completion_tokens or 0)
        self.pulse.context_used = used
        self.pulse.context_size = (figures.context if figures else None) or self.pulse.context_size

    # ── what came over the bridge ──────────────────────────────────────────────────────────────────────────────────

    def on_turn_came(self, message: messages.TurnCame) -> None:
        if message.turn.role == "assistant" and not message.turn.content:
            self.pulse.begin()

    def on_answer_advanced(self, message: messages.AnswerAdvanced) -> None:
        progress = message.progress
        if self.pulse.activity is not Activity.STOPPING:
            self.pulse.activity = {
                "engine": Activity.WAITING,
                "queued": Activity.WAITING,
                "starting": Activity.STARTING,
                "loading": Activity.LOADING,
                "prompt": Activity.READING,
            }[progress.phase]
        self.pulse.fraction = progress.fraction
        if progress.phase == "prompt" and progress.tokens is not None:
            self.pulse.context_used = progress.tokens

    def on_model_ready(self, message: messages.ModelReady) -> None:
        self.pulse.model = message.loaded.name
        self.pulse.context_size = message.loaded.context

    def on_text_arrived(self, message: messages.TextArrived) -> None:
        self.pulse.grew(message.tokens, message.elapsed_ms)

    def on_answer_finished(self, message: messages.AnswerFinished) -> None:
        turn = message.turn
        self.pulse.activity = Activity.FAILED if turn.state.value == "failed" else Activity.IDLE
        self.pulse.fraction = None
        self.pulse.rate = turn.figures.decode_tps or self.pulse.rate
        self.pulse.ttft_ms = turn.figures.ttft_ms or self.pulse.ttft_ms
        self.show_figures(turn)

    def on_engine_moved(self, message: messages.EngineMoved) -> None:
        self.pulse.engine = message.problem or message.text
        self.pulse.engine_failed = bool(message.problem)
        if message.problem:
            self.notify(message.detail, title=message.problem, severity="error", timeout=30)

    def on_saving_troubled(self, message: messages.SavingTroubled) -> None:
        if message.problem:
            self.notify(message.problem, title="The answer can't be saved", severity="error", timeout=20)
        else:
            self.notify("The answer is saved after all")

    # ── actions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def why_not(self, action: str) -> str:
        if action == "interrupt" and not self._answering():
            return "nothing is running"
        return ""

    def _answering(self) -> bool:
        return self.opened.is_set() and self.chat_screen.running is not None

    async def action_interrupt(self) -> None:
        """Copy what is selected; else stop the answer; else, twice, ask to quit."""
        if text := self._selected():
            await self.copy(text)
            self.screen.clear_selection()
        elif self.opened.is_set() and self.chat_screen.stop_answer():
            self.pulse.activity = Activity.STOPPING
            self.chat_screen.tick()
        elif asyncio.get_running_loop().time() - self._interrupted < TWICE:
            self._interrupted = 0.0
            self._ask_to_quit("Quit OffGrid?")
        else:
            self._interrupted = asyncio.get_running_loop().time()
            self.notify("Press ctrl+c again to quit", timeout=TWICE)

    def _selected(self) -> str:
        focused = self.focused
        if isinstance(focused, TextArea | Input) and focused.selected_text:
            return focused.selected_text
        return self.screen.get_selected_text() or ""

    async def copy(self, text: str) -> None:
        """Copy, and tell what is known about it."""
        self.notify(await clipboard.copy(text, self._write_raw))

    def _write_raw(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    def copy_to_clipboard(self, text: str) -> None:
        """Textual's own widgets copy through here."""
        self._clipboard = text
        self.run_worker(self.copy(text), exit_on_error=False)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Nothing on screen opens a browser: over SSH there is none, and a model chooses what a link says."""

    def action_leave(self) -> None:
        if self._answering():
            self._ask_to_quit("Quit while an answer is being written?", "What came of it is kept.")
        else:
            self.exit()

    def _ask_to_quit(self, question: str, detail: str = "") -> None:
        from offgrid_tui.ui.overlays.questions import Confirm

        if not isinstance(self.screen, ModalScreen):
            self.push_screen(Confirm(question, detail, yes="Quit", no="Stay"), lambda yes: self.exit() if yes else None)

    def action_mode(self, name: str) -> None:
        if self.current_mode != name:
            self.switch_mode(name)

    def mode_of(self, screen: FrameScreen) -> str:
        return self.current_mode

    def action_help(self) -> None:
        from offgrid_tui.ui.overlays.help import Help

        screen = self.screen
        if isinstance(screen, FrameScreen):
            self.push_screen(Help(f"{screen.TITLE_IN_HELP}: keys", screen.key_groups()))

    def action_palette(self) -> None:
        from offgrid_tui.ui.palette import open_palette

        if isinstance(self.screen, FrameScreen):
            open_palette(self, self.screen)

    def action_open_model(self) -> None:
        from offgrid_tui.ui.open_model import open_model

        if isinstance(self.screen, FrameScreen):
            self.run_worker(open_model(self), exit_on_error=False)

    # ── leaving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told_to_leave(self, number: signal.Signals) -> None:
        """SIGTERM, or SIGHUP as the terminal goes away: save and leave at once."""
        if self._leaving:
            return
        self._leaving = True
        # A terminal that is gone can hold up whoever writes to it; what matters is saved long before this.
        last_resort = threading.Timer(LEAVE_SECONDS, os._exit, (128 + number,))
        last_resort.daemon = True
        last_resort.start()
        self.run_worker(self._leave(128 + number), exit_on_error=False)

    async def _leave(self, code: int) -> None:
        await self.close_workstation()
        self.exit(return_code=code)


def run(paths: Paths, settings: Settings, model: str | None) -> int:
    """Open the workstation on this terminal; returns the exit code.

    Raises:
        OffGridError: the workstation could not be opened; the terminal is as it was.
    """
    app = OffGridApp(paths, settings, model)
    app.run(mouse=settings.ui.mouse)
    if app.failure is not None:
        raise app.failure
    return app.return_code or int(ExitCode.OK)
