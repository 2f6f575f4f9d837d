"""The organisations whose files we know something about: tier and evidence."""

from __future__ import annotations

from typing import Any

from tools.catalog.facts import Fact, Facts

_TIERS = {"verified-quantizer": "verified"}
_MEANING = {
    "lmstudio-partner": "publishes for LM Studio",
    "official": "publishes its own models",
    "verified": "a quantiser with a long public record",
    "community": "in no list of known publishers",
}


def publishers(facts: Facts) -> dict[str, Any]:
    """Organisation -> its name, tier and the evidence, one line."""
    found = {}
    for fact in sorted(facts.publishers, key=lambda fact: str(fact["org"]).casefold()):
        tier = _TIERS.get(fact["tier"], fact["tier"])
        found[fact["org"]] = {"name": fact["display"], "tier": tier, "evidence": _evidence(fact, tier)}
    return found


def _evidence(fact: Fact, tier: str) -> str:
    parts = [_MEANING[tier]]
    named = [str(source).partition(":")[0] for source in fact.get("sources", ()) if "/" in str(source)]
    if fact["basis"].startswith("listed") and named:
        parts.append("so listed by " + ", ".join(dict.fromkeys(named)))
    elif fact["basis"].startswith("derived"):
        parts.append("itself in no list of known publishers")
    elif "Atomic" in fact["basis"]:
        parts = ["known to one list only, which gives it no tier"]
    if note := fact.get("note"):
        parts.append(note)
    return "; ".join(parts)
