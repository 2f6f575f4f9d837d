"""What happened to downloads, told in the loop of whoever opened the service."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.downloads.model import Download, DownloadState, Progress
from offgrid_tui.library.model import InstalledModel


@dataclass(frozen=True, slots=True)
class DownloadChanged:
    """A download is new, or has another state or place in the queue than before, by us or by another process."""

    download: Download
    was: DownloadState | None  # None: it is new


@dataclass(frozen=True, slots=True)
class DownloadProgressed:
    """How far a download is, at most four times a second."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class DownloadInstalled:
    """A download arrived whole and is in the list of models."""

    download: Download
    model: InstalledModel


@dataclass(frozen=True, slots=True)
class DownloadFailed:
    """A download ended with an error; `download.problem` says which, and what to do."""

    download: Download


@dataclass(frozen=True, slots=True)
class DownloadForgotten:
    """A finished download was cleared from the list."""

    id: str
