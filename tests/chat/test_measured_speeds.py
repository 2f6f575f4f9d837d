"""How fast models wrote, from the answers that were kept."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.chat import store
from offgrid_tui.chat.model import Conversation, Figures, Turn, TurnState
from offgrid_tui.chat.speeds import measured_speeds
from offgrid_tui.database.database import Database


def test_the_median_of_the_last_answers_that_say_something(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "offgrid.db")
    answers = [("a", 10.0, 100), ("a", 30.0, 100), ("a", 20.0, 100), ("a", 900.0, 3), ("b", 5.0, 16), ("c", None, None)]

    def fill(conn: object) -> None:
        store.add_conversation(conn, Conversation("c", "", 0, 0))  # type: ignore[arg-type]
        for number, (model, speed, tokens) in enumerate(answers):
            figures = Figures(decode_tps=speed, completion_tokens=tokens)
            turn = Turn(
                str(number), "c", None, "assistant", "x", number, TurnState.COMPLETE, model=model, figures=figures
            )
            store.add_turn(conn, turn, "local")  # type: ignore[arg-type]

    database.write_now(fill)
    assert database.read_now(measured_speeds) == {"a": 20.0, "b": 5.0}
    assert database.read_now(lambda conn: measured_speeds(conn, "somebody")) == {}
    database.close_now()
