"""Makes the catalog's tables from the facts: models, their variants, the files of each."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tools.catalog.attest import attestations
from tools.catalog.facts import Fact, Facts
from tools.catalog.notes import licence_note, notes
from tools.catalog.publishers import publishers
from tools.catalog.shapes import shape

FORM = 1  # of the file; a reader refuses a newer one
_KINDS = {"embed": "embedding"}
_TIERS = ("lmstudio-partner", "official", "verified", "community")
_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)")
_QUANTISATION_TAG = re.compile(r"[-:](?:q\d\w*|fp?16|bf16|f32)$", re.IGNORECASE)
_PROJECTORS = ("F16", "BF16", "Q8_0", "F32", "Q4_0")  # which of several equal ones: the likeliest to work everywhere


def build(facts: Facts) -> dict[str, Any]:
    """The whole catalog, as it stands in catalog.toml."""
    known = publishers(facts)
    counts = attestations(facts)

    def trust(repository: str) -> int:
        return _TIERS.index(known.get(repository.partition("/")[0], {"tier": "community"})["tier"])

    models = dict(_model(name, facts, counts, trust) for name in facts.models)
    models |= {fact["id"]: _missing(fact) for fact in facts.decisions["missing"]}
    _refuse_doubles(models)
    return {"form": FORM, "publishers": known, "models": {id: models[id] for id in sorted(models)}}


def _model(name: str, facts: Facts, counts: dict[str, int], trust: Callable[[str], int]) -> tuple[str, dict[str, Any]]:
    files, decided = facts.models[name], facts.decisions
    architecture = facts.architecture_of.get(name, {})
    title = decided["names"].get(name, name)
    kinds = _kinds(files)
    base = _base(name, files, architecture, decided["bases"])
    organisation = base.partition("/")[0]
    unavailable = next((row["reason"] for row in decided["unavailable"] if row["model"] == name), "")
    table: dict[str, Any] = {
        "name": title,
        "family": _first(files, "family"),
        "maker": next((o["display"] for o in facts.publishers if o["org"] == organisation), organisation),
        "base": base,
        "parameters": _first(files, "params_exact") or architecture.get("total_params"),
        "parameters_text": _parameters_text(_first(files, "params")),
        "context": _first(files, "context_length") or architecture.get("context_length_train"),
        "licence": _first(files, "license"),
        "licence_note": next((note for fact in files if (note := licence_note(fact.get("license_note")))), ""),
        "kinds": kinds,
        "capabilities": _capabilities(name, kinds, files, decided["capabilities"]),
        "template": _first(files, "chat_template_family"),
        "aliases": _aliases(name, files, decided["aliases"]),
        "shape": shape(architecture) if architecture else None,
        "variants": [
            _tidy(variant) for variant in sorted(_variants(files, counts, unavailable), key=lambda v: _order(v, trust))
        ],
    }
    return _id(title), _tidy(table)


def _missing(fact: Fact) -> dict[str, Any]:
    """A model that people ask for and that cannot be had."""
    table = {key: fact[key] for key in ("name", "family", "base", "kinds")}
    return table | {"variants": [{"repository": fact["base"], "unavailable": fact["reason"]}]}


# ── variants ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _variants(files: list[Fact], counts: dict[str, int], unavailable: str) -> Iterable[dict[str, Any]]:
    by_repository: dict[str, list[Fact]] = defaultdict(list)
    for fact in files:
        by_repository[fact["repo"]].append(fact)
    for repository, here in by_repository.items():
        projectors = [fact for fact in here if fact["role"] == "mmproj"]
        for weights in _sets([fact for fact in here if fact["role"] != "mmproj"]):
            projector = _projector(weights, projectors)
            taken = [*weights, *([projector] if projector else [])]
            yield {
                "quantisation": _quantisation(weights[0]),
                "repository": repository,
                "revision": _revision(taken),
                "unavailable": unavailable or _gone(taken),
                "notes": _notes(weights, projector, projectors),
                "files": [_file(fact, counts) for fact in taken],
            }


def _sets(files: list[Fact]) -> Iterable[list[Fact]]:
    """Each file by itself, and the parts of a split one together, in their order."""
    sets: dict[str, list[Fact]] = defaultdict(list)
    for fact in files:
        sets[_PART.sub("", fact["file"])].append(fact)
    for parts in sets.values():
        yield sorted(parts, key=lambda fact: str(fact["file"]))


def _projector(weights: list[Fact], projectors: list[Fact]) -> Fact | None:
    """What lets these weights see: one that is as well proven as they are, so that it takes no proof from them."""
    proven = all(_is_proven(fact) for fact in weights)
    fitting = [fact for fact in projectors if _is_proven(fact) or not proven]

    def rank(fact: Fact) -> tuple[bool, bool, int]:
        other = fact.get("revision") != weights[0].get("revision")
        quantisation = fact.get("quant", "F16")
        return not _is_proven(fact), other, _PROJECTORS.index(quantisation)

    return min(fitting, key=rank, default=None)


def _file(fact: Fact, counts: dict[str, int]) -> dict[str, Any]:
    role = {"mmproj": "projector", "vad": "other"}.get(fact["role"], "weights")
    table = {"path": fact["file"], "size": fact.get("size_bytes"), "sha256": fact.get("sha256")}
    table |= {"attestations": counts.get(fact.get("sha256", ""), 0), "role": role if role != "weights" else None}
    return _tidy(table)


def _notes(weights: list[Fact], projector: Fact | None, projectors: list[Fact]) -> list[str]:
    found = [text for fact in weights for text in notes(fact.get("flags", []))]
    if "(publisher label)" in weights[0].get("quant", ""):
        found.append("which kind of Q4 it is its publisher does not say")
    if projector:
        found += [f"projector: {text}" for text in notes(projector.get("flags", []))]
    elif projectors:
        names = " and ".join(str(fact["file"]) for fact in projectors)
        found.append(f"text only: the size of its projector {names} is not known")
    elif weights[0]["modality"] == "vision":
        found.append("text only: no projector is known in this repository")
    if weights[0]["modality"] == "speech":
        found.append("for whisper.cpp; OffGrid's engine does not run it")
    return list(dict.fromkeys(found))


def _quantisation(fact: Fact) -> str:
    return str(fact.get("quant", "")).partition(" ")[0]


def _revision(files: list[Fact]) -> str | None:
    """The commit of all of them; none where they are known from different ones, since one is fetched for a variant."""
    revisions = {fact.get("revision") for fact in files}
    return revisions.pop() if len(revisions) == 1 else None


def _gone(files: list[Fact]) -> str:
    """A file of which neither a hash nor a size is known is only a name."""
    unknown = [fact["file"] for fact in files if not fact.get("sha256") and not fact.get("size_bytes")]
    return f"neither a SHA-256 nor a size is known of {' and '.join(unknown)}" if unknown else ""


def _is_proven(fact: Fact) -> bool:
    return bool(fact.get("sha256") and fact.get("size_bytes"))


def _order(variant: dict[str, Any], trust: Callable[[str], int]) -> tuple[Any, ...]:
    """What can be proven first, then by trust; those of one repository by size."""
    proven = all(file.get("size") and file.get("sha256") for file in variant["files"])
    sizes = sum(file.get("size", 0) for file in variant["files"])
    return not proven, trust(variant["repository"]), variant["repository"], sizes, variant["files"][0]["path"]


# ── what is said of a model ────────────────────────────────────────────────────────────────────────────────────────


def _id(title: str) -> str:
    """Of lower-case letters, digits, dots and hyphens."""
    text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", text).strip("-")


def _base(name: str, files: list[Fact], architecture: Fact, decided: dict[str, str]) -> str:
    """The repository of the model itself, "" where the sources name none, or that of what it was made from."""
    said = [fact["base_model"] for fact in files if "base_model" in fact] + [architecture.get("base_model", "")]
    return decided.get(name, next((base for base in said if re.fullmatch(r"[\w.-]+/[\w.-]+", base)), ""))


def _kinds(files: list[Fact]) -> list[str]:
    """What it is made for: its weights' main use first."""
    main = next(fact for fact in files if fact["role"] != "mmproj")["modality"]
    kinds = [_KINDS.get(main, main)]
    if any(fact["modality"] == "vision" or fact["role"] == "mmproj" for fact in files):
        kinds.append("vision")
    if main == "vision" or (main == "code" and re.search(r"Instruct|Chat|Wizard|DeepSeek", files[0]["model"])):
        kinds.append("chat")
    return list(dict.fromkeys(kinds))


def _capabilities(name: str, kinds: list[str], files: list[Fact], table: dict[str, list[str]]) -> list[str]:
    """Those of the longest beginning of `name` in the table, and those that the kinds say."""
    begin = max((begin for begin in table if name.startswith(begin)), key=len, default=None)
    found = list(table[begin]) if begin else []
    return found + [kind for kind in ("vision", "embedding") if kind in kinds]


def _aliases(name: str, files: list[Fact], more: dict[str, list[str]]) -> list[str]:
    """Short names; those of one quantisation are left out, since a tag with a quantisation is understood as one."""
    found = [alias for fact in files for alias in fact.get("aliases", ())] + more.get(name, [])
    kept = [alias for alias in dict.fromkeys(found) if not _QUANTISATION_TAG.search(alias)]
    return sorted(kept, key=lambda alias: (":" not in alias, kept.index(alias)))  # with the size first: to be shown


def _parameters_text(text: str | None) -> str:
    text = re.sub(r"\s*billion", "B", text or "")
    return re.sub(r" \((MoE|effective)\)", "", re.sub(r"\((effective) \w+\)", r"(\1)", text))


def _first(files: list[Fact], key: str) -> Any:
    return next((fact[key] for fact in files if key in fact), None)


def _tidy(table: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in table.items() if value not in (None, "", [], 0) or key == "attestations"}


def _refuse_doubles(models: dict[str, Any]) -> None:
    """A short name means one model, and never the id of another."""
    seen: dict[str, str] = {id: id for id in models}
    for id, model in models.items():
        for alias in model.get("aliases", ()):
            if seen.setdefault(alias, id) != id:
                raise ValueError(f"{alias} means both {seen[alias]} and {id}")
