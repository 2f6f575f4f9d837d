"""What can go wrong across the gap."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError, NotFoundError, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line


class HostileBundle(RefusedError):
    """A bundle holds what no export of ours writes; nothing of it is read further."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The bundle was refused as a whole",
            detail=f"{clean_line(why, 400)} No export writes that.",
            mend="Don't use this medium before you know who made it. Nothing was installed.",
        )


class DamagedBundle(DamagedError):
    """A bundle is not what was signed, or can't be read."""

    def __init__(self, why: str, mend: str = "Export it again. Nothing of it was installed.") -> None:
        super().__init__("The bundle is damaged", detail=clean_line(why, 400), mend=mend)


class FileTooLarge(OffGridError):
    """The medium refuses files of a size that it was not known to refuse."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{clean_line(str(folder))} can't hold a file of this size",
            mend="Export with --part-size 1G.",
        )


class UnfinishedBundle(RefusedError):
    """The export that writes it was cut off, or is still under way."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "The export to this medium was not finished",
            detail=f"{clean_line(str(folder))} lacks what an export writes last.",
            mend="Run the same `offgrid export` or `offgrid sync` again where it was begun; it goes on from there.",
        )


class NoBundle(NotFoundError):
    """There is no bundle where one was looked for."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "There is no bundle here",
            detail=f"Looked in {clean_line(where, 400)}.",
            mend="Connect and mount the medium, or name the folder that holds offgrid-bundle.",
        )


class UnknownKey(RefusedError):
    """Who signed the bundle is not trusted here."""

    def __init__(self, fingerprint: str, public_key: Path | None) -> None:
        if public_key is None:
            detail = f"Its key is not here, and none lies beside it; the signature calls it {clean_line(fingerprint)}."
            mend = "Get the key from whoever made the bundle and trust it: `offgrid keys trust FILE`."
        else:
            detail = f"The fingerprint is\n{spaced(fingerprint)}"
            mend = (
                f"Compare it with what whoever made the bundle tells you. If it is the same: `offgrid keys trust "
                f"{clean_line(str(public_key))}`, or for this time alone --trust-once."
            )
        super().__init__("The bundle is signed with a key that is not trusted here", detail=detail, mend=mend)
        self.fingerprint = fingerprint


class RevokedKey(RefusedError):
    def __init__(self, name: str, fingerprint: str) -> None:
        super().__init__(
            f"The key {clean_line(name)} was revoked",
            detail=f"The fingerprint is\n{spaced(fingerprint)}",
            mend="Get what you need signed with another key. A revoked key is not accepted, not even once.",
        )


class Unsigned(RefusedError):
    def __init__(self) -> None:
        super().__init__(
            "The bundle is not signed",
            detail="Nobody vouches for what it holds.",
            mend="Import it with --unsigned if you know where it comes from; its models will say so for ever.",
        )


class ForeignBundle(RefusedError):
    """An export found a bundle that this home did not sign."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            "There is a bundle already that was not made here",
            detail=f"{clean_line(str(folder))}: {clean_line(why, 300)}",
            mend="Export to another folder, or remove offgrid-bundle and what begins like it.",
        )


def spaced(fingerprint: str) -> str:
    """64 digits in groups that can be read aloud."""
    return " ".join(fingerprint[i : i + 8] for i in range(0, len(fingerprint), 8))
