"""How many independent sources give the hash of a file: as many as can be proven from the facts, never more.

The sources of a fact are those of its size, its name and its hash together. A project counts as a source of the hash
only where it is known to give hashes at all: because somewhere in the facts it is the only one that could have given
one. Where several give the same hash, each project counts once, however many of its files carry it.
"""

from __future__ import annotations

import re
from collections import defaultdict

from tools.catalog.facts import Fact, Facts

# They give rounded sizes, MD5 or nothing of the kind.
_NO_HASHES = frozenset(
    {
        "AtomicBot-ai/atomic-chat-model-catalog",
        "janhq/model-catalog",
        "nomic-ai/gpt4all",
        "ardanlabs/kronk",
        "xorbitsai/inference",
    }
)


def attestations(facts: Facts) -> dict[str, int]:
    """SHA-256 -> independent sources that give it: at least one, and at least two where the facts say several."""
    giving = _projects_that_give_hashes(facts)
    projects: dict[str, set[str]] = defaultdict(set)
    several: set[str] = set()
    for fact in facts.files:
        if sha := fact.get("sha256"):
            projects[sha] |= _projects(fact)
            if fact["sha256_confidence"] == "multi-source":
                several.add(sha)
    return {sha: max(2, len(found & giving)) if sha in several else 1 for sha, found in projects.items()}


def _projects_that_give_hashes(facts: Facts) -> set[str]:
    return {
        project
        for fact in facts.files
        if fact.get("sha256") and len(found := _projects(fact)) == 1
        for project in found
    }


def _projects(fact: Fact) -> set[str]:
    """Of its sources; a file of public code is a project of its own."""
    names = {
        source.partition(" (")[0] if source.startswith("public-code") else re.split("[:@ ]", source)[0]
        for source in fact.get("sources", ())
    }
    return names - _NO_HASHES
