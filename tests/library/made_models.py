"""Small GGUF files for the library's tests, and the stores of other tools as they lay them out."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import gguf
import numpy as np

ORG, NAME = "made", "Tiny-Test-GGUF"


def model(
    path: Path,
    *,
    seed: int = 1,
    kib: int = 16,
    name: str = "Tiny Test",
    kind: str | None = None,
    architecture: str = "llama",
    tensors: int = 2,
    split: int = 0,
) -> list[Path]:
    """A valid file of about `kib` KiB, or a set of `tensors` / `split` parts. The files, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=split)
    if name:
        writer.add_name(name)
    if kind is not None:
        writer.add_string("general.type", kind)
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    rows = max(1, kib * 1024 // (64 * 4) // max(1, tensors))
    generator = np.random.default_rng(seed)
    for number in range(tensors):
        writer.add_tensor(f"blk.{number}.weight", generator.standard_normal((rows, 64)).astype(np.float32))
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(path.parent.glob(f"{path.stem}-*-of-*.gguf")) if split else [path]


def projector(path: Path) -> Path:
    return model(path, seed=9, kib=4, kind="mmproj", architecture="clip")[0]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hugging_face(cache: Path, files: list[Path], repository: str = f"{ORG}/{NAME}", commit: str = "c" * 40) -> Path:
    """A repository in the cache; the snapshot's folder."""
    root = cache / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    for folder in (root / "blobs", root / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    for file in files:
        blob = root / "blobs" / sha256(file)
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    return snapshot


def ollama(folder: Path, file: Path, name: str = "tiny", tag: str = "1b", projector: Path | None = None) -> Path:
    """A tag in the store; its blob."""
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{sha256(file)}"}]
    if projector is not None:
        layers.append({"mediaType": "application/vnd.ollama.image.projector", "digest": f"sha256:{sha256(projector)}"})
    layers.append({"mediaType": "application/vnd.ollama.image.license", "digest": f"sha256:{'0' * 64}"})
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    for one in (file, projector):
        if one is not None:
            (folder / "blobs" / f"sha256-{sha256(one)}").write_bytes(one.read_bytes())
    manifest = folder / "manifests/registry.ollama.ai/library" / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return folder / "blobs" / f"sha256-{sha256(file)}"


def tree(folder: Path) -> dict[str, tuple[int, float, str]]:
    """Everything below `folder`, so that two looks can be compared."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            status = path.lstat()
            what = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime, what)
    return found
