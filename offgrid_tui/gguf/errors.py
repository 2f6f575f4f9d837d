"""What can be wrong with a GGUF file."""

from __future__ import annotations

from enum import StrEnum

from offgrid_tui.foundation.errors import DamagedError


class GgufProblem(StrEnum):
    """Three kinds, each with its own mend."""

    NOT_GGUF = "not_gguf"  # another format, or not a file
    TRUNCATED = "truncated"  # the file ends before what its header promises
    DAMAGED = "damaged"  # the header contradicts itself, or asks for what no model needs


_MEND = {
    GgufProblem.NOT_GGUF: "Choose a file whose name ends in .gguf.",
    GgufProblem.TRUNCATED: "Fetch the file again: the copy or download was cut short.",
    GgufProblem.DAMAGED: "Fetch the file again and compare its SHA-256 with the publisher's.",
}


class GgufError(DamagedError):
    """A file that cannot be used as a model; `problem` says which of the three it is."""

    def __init__(self, problem: GgufProblem, title: str, *, detail: str = "") -> None:
        super().__init__(title, detail=detail, mend=_MEND[problem])
        self.problem = problem
