"""The details of the model under the cursor: below the table, or beside it where there is room."""

from __future__ import annotations

from textual.content import Content

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.ui.catalog.sheet import (
    NARROW,
    WIDE,
    Sheet,
    VariantLine,
    Widths,
    facts,
    facts_table,
    title,
    trouble,
    variant_line,
    variants_head,
    window,
)
from offgrid_tui.ui.chat.heading import heading
from offgrid_tui.ui.markdown.layout import EMPTY, Line, wrap
from offgrid_tui.ui.widgets.lines import Lines

BESIDE = 72  # cells below which it is laid out as a column of its own


class DetailsPane(Lines):
    """One model. Nothing in it is chosen or clicked: `enter` opens all of it."""

    ALLOW_SELECT = True

    def __init__(self) -> None:
        super().__init__()
        self._sheet: Sheet | None = None
        self._room = 7

    @property
    def sheet(self) -> Sheet | None:
        return self._sheet

    def show(self, sheet: Sheet | None, room: int) -> None:
        """`room` is how many lines there are for it."""
        if (sheet, room) != (self._sheet, self._room):
            self._sheet, self._room = sheet, room
            self.changed()

    def build(self, width: int) -> list[Line]:
        if self._sheet is None:
            return []
        return self._column(self._sheet, width) if width < BESIDE else self._below(self._sheet, width)

    def _below(self, sheet: Sheet, width: int) -> list[Line]:
        """A line about it, and its variants."""
        best = sheet.recommended
        right = (
            [Content.assemble(("best here: ", "$muted"), (clean_line(best.quantisation, 12), "$accent"))]
            if best
            else []
        )
        lines = [Line(heading(title(sheet.row), right, width))]
        if said := trouble(sheet.row):
            lines.append(Line(Content.assemble(("⚠ ", "$warn"), said).truncate(width, ellipsis=True)))
        room = self._room - len(lines) - 1
        if sheet.lines and room > 0:
            lines.append(Line(variants_head(sheet.context, WIDE)))
            shown = window(sheet.lines, _own(sheet), room)
            lines += [Line(self._variant(sheet, one, WIDE).truncate(width)) for one in shown]
        return lines

    def _column(self, sheet: Sheet, width: int) -> list[Line]:
        """Everything under one another."""
        row = sheet.row
        lines = [*wrap(Content.styled(clean_line(row.name, 200), "bold"), width)]
        lines += wrap(Content.styled(" · ".join(facts(row)), "$muted"), width)
        lines.append(EMPTY)
        if said := trouble(row):
            lines += [*wrap(Content.assemble(("⚠ ", "$warn"), said), width), EMPTY]
        if row.verdict is not None and row.verdict.reason:
            lines += [*wrap(Content.styled(clean_line(row.verdict.reason), "$muted"), width), EMPTY]
        if sheet.lines:
            lines.append(Line(variants_head(sheet.context, NARROW).truncate(width)))
            lines += [Line(self._variant(sheet, one, NARROW).truncate(width)) for one in sheet.lines]
            if sheet.recommended is not None:
                lines.append(Line(Content.assemble(("◂", "$accent"), (" recommended for this machine", "$muted"))))
            lines.append(EMPTY)
        own = sheet.lines[_own(sheet)] if sheet.lines else None
        for name, value in facts_table(row, own, sheet.context):
            for i, part in enumerate(wrap(Content(value), max(width - 14, 8))):
                lines.append(Line(Content.assemble((f"{name if i == 0 else '':<14}", "$muted"), part.content)))
        return lines

    def _variant(self, sheet: Sheet, line: VariantLine, widths: Widths) -> Content:
        own = sheet.row.variant is not None and line.variant is not None and line.variant.key == sheet.row.variant.key
        return variant_line(line, widths, own=own)


def _own(sheet: Sheet) -> int:
    """The line of the row under the cursor."""
    key = sheet.row.variant.key if sheet.row.variant else None
    return next((i for i, line in enumerate(sheet.lines) if line.variant is not None and line.variant.key == key), 0)
