"""How the app looks: the theme it wears, and what it draws with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.filter import LineFilter

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.system.resources import resource
from offgrid_tui.ui.ascii import AsciiFilter
from offgrid_tui.ui.telling import TellingApp
from offgrid_tui.ui.themes import FALLBACK, variable_defaults
from offgrid_tui.ui.themes import load_themes as read_themes
from offgrid_tui.ui.widgets.gauge import Drawing

if TYPE_CHECKING:
    from offgrid_tui.settings.schema import Settings
    from offgrid_tui.system.paths import Paths


class LookingApp(TellingApp):
    """An app in our themes and the user's own."""

    paths: Paths
    settings: Settings

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, AsciiFilter()] if self.settings.ui.ascii else filters

    @property
    def drawing(self) -> Drawing:
        if self.settings.ui.ascii:
            return Drawing.ASCII
        return Drawing.BLOCKS if self.native_ansi_color or self.no_color else Drawing.SHADES

    def load_themes(self) -> None:
        found = read_themes((resource("themes"), self.paths.config / "themes"))
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
        """Take a theme, and remember it in config.toml."""
        from offgrid_tui.settings.write import set_value

        self.theme = name
        try:
            set_value(self.paths, "ui.theme", name)
        except (OffGridError, OSError) as error:
            self.notify(f"The theme holds until you quit: {error}", severity="warning")
