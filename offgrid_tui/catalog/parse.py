"""A model from its table in a catalog, ours or the user's; docs/catalog.md lists the fields."""

from __future__ import annotations

from typing import Any

from offgrid_tui.catalog import fields
from offgrid_tui.catalog.credibility import Credibility, Publishers
from offgrid_tui.catalog.fields import BadEntry, Fields
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Proof, Role, Source, Tier, Variant
from offgrid_tui.fit.shape import ModelShape

_kind, _role, _tier = fields.one_of(Kind), fields.one_of(Role), fields.one_of(Tier)


def model(id: str, table: Any, source: Source, variants: tuple[Variant, ...]) -> CatalogModel:
    """The model `id`; `variants` are those of its table, which are checked one by one elsewhere.

    Raises:
        BadEntry: a field that it needs is missing, or one is not what it has to be.
    """
    taken = Fields(table, "a model")
    taken.tables("variants")
    taken.take("hidden", fields.flag, False)
    found = CatalogModel(
        id=fields.id_of_model(id),
        name=taken.take("name", fields.name, id),
        source=source,
        variants=variants,
        family=taken.take("family", fields.text, ""),
        maker=taken.take("maker", fields.text, ""),
        base=taken.take("base", fields.repository, ""),
        parameters=taken.take("parameters", fields.number, None),
        parameters_text=taken.take("parameters_text", fields.text, ""),
        context=taken.take("context", fields.number, None),
        licence=taken.take("licence", fields.text, ""),
        licence_note=taken.take("licence_note", fields.text, ""),
        kinds=taken.take("kinds", fields.several(_kind), (Kind.CHAT,)),
        capabilities=taken.take("capabilities", fields.texts, ()),
        template=taken.take("template", fields.text, ""),
        aliases=taken.take("aliases", fields.short_names, ()),
        shape=taken.take("shape", _shape, None),
    )
    taken.finish()
    return found


def variant(table: Any, publishers: Publishers) -> Variant:
    """Raises BadEntry as `model` does."""
    taken = Fields(table, "a variant")
    repository = taken.take("repository", fields.repository, "")
    unavailable = taken.take("unavailable", fields.text, "")
    files = tuple(_file(item, index) for index, item in enumerate(taken.tables("files")))
    trust = publishers.of(repository)
    found = Variant(
        quantisation=taken.take("quantisation", fields.text, ""),
        repository=repository,
        files=files,
        revision=taken.take("revision", fields.revision, None),
        publisher=trust.publisher,
        tier=trust.tier,
        evidence=trust.evidence,
        proof=_proof(files, unavailable),
        reason=unavailable or _gap(files),
        notes=taken.take("notes", fields.texts, ()),
        gated=taken.take("gated", fields.flag, False),
    )
    taken.finish()
    if not files and not unavailable:
        raise BadEntry("", "a variant needs files, or a reason why it is unavailable")
    if not repository and not all(file.url or file.repository for file in files):
        raise BadEntry("", "a variant needs a repository, or an address (url) for each file")
    return found


def publisher(name: str, table: Any) -> Credibility:
    """Raises BadEntry as `model` does."""
    taken = Fields(table, "a publisher")
    found = Credibility(
        tier=taken.take("tier", _tier, Tier.COMMUNITY),
        publisher=taken.take("name", fields.name, name),
        evidence=taken.take("evidence", fields.text, ""),
    )
    taken.finish()
    return found


def _file(table: Any, index: int) -> CatalogFile:
    try:
        taken = Fields(table, "a file")
        address = taken.take("url", fields.address, "")
        found = CatalogFile(
            path=taken.take("path", fields.path, address.rpartition("/")[2].partition("?")[0]),
            size=taken.take("size", fields.number, None),
            sha256=taken.take("sha256", fields.sha256, None),
            attestations=taken.take("attestations", fields.count, 0),
            role=taken.take("role", _role, Role.WEIGHTS),
            repository=taken.take("repository", fields.repository, None),
            url=address,
        )
        taken.finish()
    except BadEntry as error:
        raise BadEntry(f"files[{index}].{error.key}".rstrip("."), error.what) from None
    if not found.path:
        raise BadEntry(f"files[{index}]", "a file needs a path")
    return found


def _proof(files: tuple[CatalogFile, ...], unavailable: str) -> Proof:
    if unavailable:
        return Proof.UNAVAILABLE
    return Proof.UNVERIFIED if _gap(files) else Proof.PROVEN


def _gap(files: tuple[CatalogFile, ...]) -> str:
    """What is not known of them, one line; "" where nothing is missing."""
    parts = []
    if unsized := [file.path for file in files if file.size is None]:
        parts.append(f"the size of {' and '.join(unsized)} is not known")
    if unhashed := [file.path for file in files if file.sha256 is None]:
        parts.append(f"the SHA-256 of {' and '.join(unhashed)} is not known: what arrives cannot be proven")
    return "; ".join(parts)


def _shape(table: Any) -> ModelShape:
    taken = Fields(table, "a shape")

    def count(key: str) -> int:
        return taken.take(key, fields.count, 0)

    found = ModelShape(
        architecture=taken.take("architecture", fields.name, ""),
        layers=taken.take("layers", fields.number, 0),
        embedding=taken.take("embedding", fields.number, 0),
        heads=taken.take("heads", fields.numbers, ()),
        kv_heads=taken.take("kv_heads", fields.numbers, ()),
        key_length=count("key_length"),
        value_length=count("value_length"),
        feed_forward=taken.take("feed_forward", fields.numbers, ()),
        vocabulary=count("vocabulary"),
        context_trained=count("context_trained"),
        tied=taken.take("tied", fields.flag, None),
        parameters=taken.take("parameters", fields.number, None),
        window=count("window"),
        windowed=taken.take("windowed", fields.pattern("S"), ()),
        kv_layers=taken.take("kv_layers", fields.count, None),
        experts=count("experts"),
        experts_used=count("experts_used"),
        kv_rank=count("kv_rank"),
        rope_rank=count("rope_rank"),
        recurrent=taken.take("recurrent", fields.pattern("R"), ()),
        state=count("state"),
        window_key_length=count("window_key_length"),
        window_value_length=count("window_value_length"),
        expert_forward=count("expert_forward"),
        shared_forward=count("shared_forward"),
        nope_length=count("nope_length"),
        dense_layers=count("dense_layers"),
        inner=count("inner"),
        state_size=count("state_size"),
        groups=count("groups"),
        convolution=count("convolution"),
        ranks=count("ranks"),
    )
    taken.finish()
    if not (found.architecture and found.layers and found.embedding and found.heads and found.kv_heads):
        raise BadEntry("", "needs architecture, layers, embedding, heads and kv_heads")
    if found.layers > 10_000:
        raise BadEntry("layers", "layers are more than a model has")
    return found
