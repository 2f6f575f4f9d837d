"""What can be had, as plain data: models, each in some variants, each a set of files. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.fit.shape import ModelShape


class Tier(StrEnum):
    """How far whoever published a file is to be trusted, best first."""

    PARTNER = "lmstudio-partner"
    OFFICIAL = "official"
    VERIFIED = "verified"  # a quantiser with a long public record
    COMMUNITY = "community"
    LOCAL = "local"  # came from a disk: nobody vouches for it


class Kind(StrEnum):
    """What a model is made for."""

    CHAT = "chat"
    CODE = "code"
    VISION = "vision"
    EMBEDDING = "embedding"
    SPEECH = "speech"
    OTHER = "other"


class Source(StrEnum):
    """Where an entry comes from."""

    BUNDLED = "bundled"  # inside the package: the starter model
    CATALOG = "catalog"  # catalog.toml
    OWN = "own"  # the user's catalog.toml
    HUB = "hub"  # found on Hugging Face
    LOCAL = "local"  # a file on this machine that no catalog knows


class Proof(StrEnum):
    """Whether a variant can be had, and whether what arrives can be proven."""

    PROVEN = "proven"  # exact size and SHA-256 of every file are known
    UNVERIFIED = "unverified"  # a hash or a size is missing
    UNAVAILABLE = "unavailable"


class Role(StrEnum):
    WEIGHTS = "weights"  # of a split set each part, in order
    PROJECTOR = "projector"  # mmproj: what lets a model see
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """One file of a variant. `path` inside its repository, never leaving it."""

    path: str
    size: int | None
    sha256: str | None  # 64 lower-case hexadecimal digits
    attestations: int = 0  # independent sources that give this hash
    role: Role = Role.WEIGHTS
    repository: str | None = None  # where it is another one than the variant's
    url: str = ""  # where it lies in no repository: http or https


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one quantisation from one repository: what is downloaded and removed as a whole."""

    quantisation: str  # Q4_K_M …
    repository: str  # organisation/name; empty for a file of no repository
    files: tuple[CatalogFile, ...]  # weights first, in the order of their parts
    revision: str | None = None  # the commit that is pinned
    publisher: str = ""  # the organisation, as people know it
    tier: Tier = Tier.COMMUNITY
    evidence: str = ""  # why it has that tier, one line
    proof: Proof = Proof.UNVERIFIED
    reason: str = ""  # why it is unverified or unavailable, one line
    notes: tuple[str, ...] = ()  # what one should know: replaced upstream, mislabelled …
    gated: bool = False  # its owner wants to be asked first

    @property
    def key(self) -> str:
        """Unique among all variants: repository and first file, or the address of that."""
        if not self.files:
            return f"{self.repository}:{self.quantisation}"
        first = self.files[0]
        return first.url or (f"{self.repository}/{first.path}" if self.repository else first.path)

    @property
    def size(self) -> int | None:
        """Of all files; None where that of one is not known."""
        total = 0
        for file in self.files:
            if file.size is None:
                return None
            total += file.size
        return total if self.files else None

    @property
    def weights(self) -> tuple[CatalogFile, ...]:
        return tuple(file for file in self.files if file.role is Role.WEIGHTS)

    @property
    def projector(self) -> CatalogFile | None:
        return next((file for file in self.files if file.role is Role.PROJECTOR), None)


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model, in all variants that one source lists."""

    id: str  # unique in its source, of lower-case letters, digits, dots and hyphens: qwen3-4b-instruct
    name: str
    source: Source
    variants: tuple[Variant, ...]
    family: str = ""
    maker: str = ""  # who made the model (not the file)
    base: str = ""  # the model's own repository
    parameters: int | None = None
    parameters_text: str = ""  # as its maker says it, where the exact number is not known: 8B
    context: int | None = None  # tokens it was trained for
    licence: str = ""  # SPDX where there is one
    licence_note: str = ""
    kinds: tuple[Kind, ...] = ()  # the first is its main one
    capabilities: tuple[str, ...] = ()  # tools, thinking, vision …, where a source says so
    template: str = ""  # family of its chat template
    aliases: tuple[str, ...] = ()  # short names; the first is the one to show
    shape: ModelShape | None = None
    downloads: int | None = None  # as the hub counts them
    likes: int | None = None
    updated: float | None = None  # Unix seconds, as the hub says
    seen: float | None = None  # Unix seconds: when a hub's listing was fetched; None for catalogs
