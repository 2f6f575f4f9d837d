"""What the hub can say no to."""

from __future__ import annotations

from offgrid_tui.foundation.errors import NotFoundError, RefusedError
from offgrid_tui.foundation.text import clean_line


class RepositoryMissing(NotFoundError):
    """No such repository, or one that is closed to whoever asks: the hub does not tell the two apart."""

    def __init__(self, repository: str, *, known: bool) -> None:
        closed = "closed to your token" if known else "closed to strangers"
        super().__init__(
            f"There is no repository {clean_line(repository)}",
            detail=f"It is not there, was renamed, or is {closed}.",
            mend="Check the name." if known else "Check the name; if it is private, set a token: network.hub_token.",
        )
        self.repository = repository


class RevisionMissing(NotFoundError):
    def __init__(self, repository: str, revision: str) -> None:
        super().__init__(
            f"{clean_line(repository)} has no revision {clean_line(revision, 60)}",
            detail="Its history was rewritten, or the commit never was there.",
            mend="Ask for its newest one.",
        )


class FileMissing(NotFoundError):
    def __init__(self, repository: str, path: str) -> None:
        super().__init__(
            f"{clean_line(repository)} has no file {clean_line(path)}",
            mend=f"See what it has: offgrid search --files {clean_line(repository)}",
        )


class Gated(RefusedError):
    """Its owner wants to be asked first."""

    def __init__(self, repository: str, address: str, *, known: bool) -> None:
        super().__init__(
            f"{clean_line(repository)} is gated: its owner wants to be asked first",
            detail="Your token has not been let in yet." if known else "No token says who you are.",
            mend=gated_mend(address, known=known),
        )
        self.repository = repository


class TokenRejected(RefusedError):
    def __init__(self, host: str, source: str) -> None:
        super().__init__(
            f"{clean_line(host)} does not know your token",
            detail=f"It comes from {clean_line(source)}, and is wrong or has run out.",
            mend="Make a new one at huggingface.co/settings/tokens, then `hf auth login` or network.hub_token.",
        )


class BadName(NotFoundError):
    """What was given is no name of a repository, a revision or a file in one."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{clean_line(name, 100)!r} is not the name of a {what}", mend="A repository is ORG/NAME.")


def gated_mend(address: str, *, known: bool) -> str:
    """What to do about a gated repository, whose page is at `address`."""
    page = f"Open {clean_line(address)} in a browser and accept what it asks"
    return f"{page}." if known else f"{page}; then `hf auth login`, HF_TOKEN or network.hub_token."
