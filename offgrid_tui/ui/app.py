"""The application: opens the workstation inside its own loop, holds the frame's state, and leaves in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from offgrid_tui.chat.guide import guide, is_guide, usual_model
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui import messages
from offgrid_tui.ui.chat.figures import stem
from offgrid_tui.ui.chat.screen import ChatScreen
from offgrid_tui.ui.copying import CopyingApp
from offgrid_tui.ui.frame.heartbeat import Heartbeat
from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.frame.screen import FrameScreen
from offgrid_tui.ui.keys import unknown_actions
from offgrid_tui.ui.signals import leave_on_signals
from offgrid_tui.ui.terminal import draw_on_stdout_without_stderr, teach_alt

if TYPE_CHECKING:
    from offgrid_tui.settings.schema import Settings
    from offgrid_tui.ui.bridge import Bridge
    from offgrid_tui.workstation import Workstation

TWICE = 2.0  # seconds within which a second ctrl+c asks to quit
MEMORY_BUSY, MEMORY_IDLE = 1.0, 5.0  # seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Mode:
    """A screen of the strip."""

    name: str
    key: str
    title: str


def _catalog() -> Screen[Any]:
    # The catalog and what it stands on: an import that the first frame does not wait for.
    from offgrid_tui.ui.catalog.screen import CatalogScreen

    return CatalogScreen()


class OffGridApp(CopyingApp):
    """One workstation on one terminal.

    Args:
        model: a model file to talk to, from the command line.
        opener: opens the workstation on a bus; awaited once the first frame is drawn.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False  # ours is faster, and parses no markup out of what it lists
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {"catalog": _catalog, "chat": ChatScreen}
    DEFAULT_MODE = "chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Stop", id="app.stop", tooltip="Stop the answer, or copy selected text",
                priority=True),
        Binding("ctrl+o", "open_model", "Model", id="app.model", tooltip="Choose who answers", priority=True),
        Binding("ctrl+q", "leave", "Quit", id="app.quit", tooltip="Quit OffGrid", priority=True),
        Binding("ctrl+p", "palette", "Palette", id="app.palette", tooltip="Every action by its name"),
        Binding("f1,question_mark", "help", "Help", id="app.help", tooltip="The keys of this screen"),
        Binding("1,alt+1", "mode('catalog')", "Catalog", id="app.catalog", tooltip="Go to the catalog", show=False),
        Binding("3,alt+3", "mode('chat')", "Chat", id="app.chat", tooltip="Go to the chat screen", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        model: str | None = None,
        *,
        opener: Callable[[Bus], Awaitable[Workstation]] | None = None,
    ) -> None:
        super().__init__()
        self.paths, self.settings = paths, settings
        self.model = model or settings.chat.model
        self.usual = self.model  # who is asked in new chats, whoever answers in the open one
        self.model_was_asked_for = model is not None
        self.offgrid = settings.network.offgrid
        self.modes = (Mode("catalog", "1", "Catalog"), Mode("chat", "3", "Chat"))
        self.pulse = Pulse(model=stem(self.model) if self.model else None, guide=is_guide(self.model))
        self.heart = Heartbeat(self.pulse)
        self.greets = False  # a first run is welcomed; set where a person sits before it
        self.opened = asyncio.Event()
        self.failure: OffGridError | None = None
        self.bridge: Bridge
        self._workstation: Workstation | None = None
        self._closed = self._leaving = False
        self._opener = opener or self._open_workstation
        self._interrupted = 0.0
        self.animation_level = "none"  # nothing glides: every step of it would be a packet over SSH

    def _told_to_go(self, code: int) -> None:
        if code == 128 + signal.SIGHUP and self._workstation is not None and self.settings.downloads.background:
            self._workstation.downloads.goes_on = True  # the terminal is lost: that stops no transfer
        self.start(self.leave(code))

    # ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.load_themes()
        self.set_keymap(dict(self.settings.keys))
        leave_on_signals(self._told_to_go)
        self.call_after_refresh(self.start, self._open())

    async def _open_workstation(self, bus: Bus) -> Workstation:
        # The database and all that stands on it: 100 ms of import that the first frame does not wait for.
        from offgrid_tui.workstation import Workstation

        return await Workstation.open(self.paths, self.settings, bus=bus)

    async def _open(self) -> None:
        from offgrid_tui.ui.bridge import Bridge, write_rate

        bus = Bus()
        self.bridge = Bridge(bus, self.settings.ui.frame_rate or write_rate())
        self.bridge.add(self.heart.take)
        self.bridge.add(self.post_message)  # before anything is opened: what fails at once is heard too
        try:
            self._workstation = await self._opener(bus)
        except OffGridError as error:
            self.failure = error  # told on the terminal, after the screen is given back
            self.exit(return_code=int(error.exit_code))
            return
        self.pulse.label = clean_line(self.workstation.provider.label, 40)
        if self.model is None:
            recent = await self.workstation.recent.list()
            here = self.workstation.library.models
            self.choose_model(await asyncio.to_thread(usual_model, recent, here, self.paths.models))
        self.heart.settle()
        chat = self.chat_screen
        self.bridge.add(chat.post_message)
        await chat.workstation_opened()
        await chat.model_changed()
        self.opened.set()
        self.start(self._watch_memory())
        if self.greets:
            from offgrid_tui.ui.first_run import welcome

            self.start(welcome(self))
        for sentence in [*map(str, self.settings.problems), *unknown_actions(self.settings.keys)]:
            self.notify(sentence, title="A setting can't be used", severity="warning", timeout=12)

    async def _watch_memory(self) -> None:
        """Memory moves while a model loads and answers; otherwise it is looked at rarely."""
        from offgrid_tui.ui.memory import MemorySampler

        sampler = MemorySampler(self.workstation.engine, self.settings.memory)
        while self.opened.is_set():
            self.pulse.memory_used, self.pulse.memory_budget = await sampler.sample()
            await asyncio.sleep(MEMORY_BUSY if self.pulse.activity.running else MEMORY_IDLE)

    @property
    def workstation(self) -> Workstation:
        """The open workstation; there is one from `opened` on."""
        assert self._workstation is not None
        return self._workstation

    @property
    def chat_screen(self) -> ChatScreen:
        screen = self.get_screen_stack("chat")[0]
        assert isinstance(screen, ChatScreen)
        return screen

    async def close_workstation(self) -> None:
        """Save, and let go of everything; once."""
        self.opened.clear()
        if self._workstation is not None and not self._closed:
            self._closed = True  # it stays where it is: messages that wait still look at it
            self.bridge.close()
            await self._workstation.close()

    async def on_unmount(self) -> None:
        await self.close_workstation()

    # ── the model ──────────────────────────────────────────────────────────────────────────────────────────────────

    def choose_model(self, model: str | None) -> None:
        """What the next message is asked of. Nothing is loaded before that."""
        if not is_guide(model):
            self.usual = model
        if model != self.model:
            self.model = model
            self.heart.choose(model)

    async def on_model_fell_back(self, message: messages.ModelFellBack) -> None:
        self.choose_model(message.path)
        await self.chat_screen.model_changed()
        self.notify(f"{message.reason}: {stem(message.path) if message.path else 'no model'} answers from now on")

    def wishes(self) -> dict[str, Any]:
        """What an answer is asked for with, by the settings."""
        station = self.workstation
        return {"model": self.model, "sampling": station.sampling(self.model), "reasoning": station.reasoning}

    # ── actions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def why_not(self, action: str) -> str:
        if action == "interrupt" and not self._answering():
            return "nothing is running"
        return ""

    def _answering(self) -> bool:
        return self.opened.is_set() and self.chat_screen.running is not None

    async def action_interrupt(self) -> None:
        """Copy what is selected; else stop the answer; else, twice, ask to quit."""
        if text := self.selected():
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

    async def action_leave(self) -> None:
        if self._answering():
            self._ask_to_quit("Quit while an answer is being written?", "What came of it is kept.")
        else:
            await self.leave()

    def _ask_to_quit(self, question: str, detail: str = "") -> None:
        from offgrid_tui.ui.overlays.questions import Confirm

        async def answered(yes: bool | None) -> None:
            if yes:
                await self.leave()

        if not isinstance(self.screen, ModalScreen):
            self.push_screen(Confirm(question, detail, yes="Quit", no="Stay"), answered)

    def action_mode(self, name: str) -> None:
        if self.current_mode != name:
            self.switch_mode(name)

    def action_help(self) -> None:
        from offgrid_tui.ui.overlays.help import Help

        screen = self.screen
        if isinstance(screen, FrameScreen):
            asks = self.opened.is_set() and guide() is not None
            title = f"{screen.TITLE_IN_HELP}: keys"
            self.push_screen(Help(title, screen.key_groups(), guide=asks), self._after_help)

    async def _after_help(self, ask: bool | None) -> None:
        if ask:
            self.action_mode("chat")
            await self.chat_screen.ask_guide()

    def action_palette(self) -> None:
        from offgrid_tui.ui.palette import open_palette

        if isinstance(self.screen, FrameScreen):
            open_palette(self, self.screen)

    def action_open_model(self) -> None:
        from offgrid_tui.ui.open_model import open_model

        if isinstance(self.screen, FrameScreen):
            self.start(open_model(self))

    # ── leaving ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def leave(self, code: int = 0) -> None:
        """Save and close everything, then give the terminal back."""
        if self._leaving:
            return
        self._leaving = True
        await self.close_workstation()
        self.exit(return_code=code)


def run(paths: Paths, settings: Settings, model: str | None) -> int:
    """Open the workstation on this terminal; returns the exit code.

    Raises:
        OffGridError: the workstation could not be opened; the terminal is as it was.
    """
    teach_alt()
    draw_on_stdout_without_stderr()
    app = OffGridApp(paths, settings, model)
    app.greets = True
    app.run(mouse=settings.ui.mouse)
    if app.failure is not None:
        raise app.failure
    return app.return_code or int(ExitCode.OK)
