"""How far whoever published a file is to be trusted, by organisation, and what that rests on.

The tier of a file is that of the organisation in the name of its repository. Who is in no list is community: that is
no accusation, only that nobody vouches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offgrid_tui.catalog.model import Tier

RANK: dict[Tier, int] = {tier: rank for rank, tier in enumerate(Tier)}  # smaller is better

MEANING: dict[Tier, str] = {
    Tier.PARTNER: "conversions published by LM Studio or for it",
    Tier.OFFICIAL: "published by the organisation that made the model",
    Tier.VERIFIED: "converted by a third party with a long public record",
    Tier.COMMUNITY: "published by somebody whom no list of known publishers names",
    Tier.LOCAL: "came from a disk; nobody vouches for it",
}


@dataclass(frozen=True, slots=True)
class Credibility:
    """Of one organisation. `evidence` is one line."""

    tier: Tier
    publisher: str  # as people know it
    evidence: str


class Publishers:
    """The organisations that are known, whatever catalog or hub a repository was found in."""

    def __init__(self, known: Mapping[str, Credibility]) -> None:
        self._known = {name.casefold(): credibility for name, credibility in known.items()}

    def of(self, repository: str) -> Credibility:
        """Of `repository`: organisation/name, or an organisation alone; "" is a file of no repository."""
        organisation = repository.partition("/")[0]
        if not organisation:
            return Credibility(Tier.LOCAL, "", MEANING[Tier.LOCAL])
        unknown = Credibility(Tier.COMMUNITY, organisation, "in no list of known publishers")
        return self._known.get(organisation.casefold(), unknown)


def asks_first(tier: Tier) -> bool:
    """Whether getting such a file asks the user once."""
    return tier is Tier.COMMUNITY
