"""Other tools' models are taken into the list where they lie, and nothing of them is ever changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.library.finders import folders, huggingface, ollama
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.finders.places import any_folder, stores
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.model import Check, Origin
from offgrid_tui.library.place import Method
from offgrid_tui.library.ports import Promise
from offgrid_tui.library.service import Library
from tests.library import made_models


def hub(folder: Path) -> Store:
    return Store("Hugging Face", folder, huggingface.find)


async def test_the_hugging_face_cache(library: Library, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    (file,) = made_models.model(tmp_path / "Tiny-Q4_K_M.gguf")
    snapshot = made_models.hugging_face(cache, [file])
    before = made_models.tree(cache)
    adopted, refused = await library.adopt(hub(cache))
    assert refused == []
    (model,) = library.models
    assert [one.model for one in adopted] == [model]
    assert model.path == snapshot / "Tiny-Q4_K_M.gguf"
    assert (model.origin, model.source, model.repository) == (Origin.ADOPTED, "Hugging Face", "made/Tiny-Test-GGUF")
    assert (model.revision, model.files[0].sha256) == ("c" * 40, made_models.sha256(file))
    assert model.check is Check.UNKNOWN  # the store states the hash; nobody has read the bytes
    assert (await library.verify(model.id)).model.check is Check.UNVERIFIED
    assert made_models.tree(cache) == before


async def test_a_split_set_is_opened_by_its_snapshot_names(library: Library, tmp_path: Path) -> None:
    parts = made_models.model(tmp_path / "big.gguf", tensors=6, split=2)
    snapshot = made_models.hugging_face(tmp_path / "hub", parts)
    await library.adopt(hub(tmp_path / "hub"))
    (model,) = library.models
    assert [file.path for file in model.files] == [snapshot / part.name for part in parts]
    assert [file.sha256 for file in model.files] == [made_models.sha256(part) for part in parts]


async def test_the_snapshot_that_main_names_comes_first(library: Library, tmp_path: Path) -> None:
    (old,), (new,) = (made_models.model(tmp_path / str(n) / "m.gguf", seed=n) for n in (1, 2))
    made_models.hugging_face(tmp_path / "hub", [old], commit="a" * 40)
    made_models.hugging_face(tmp_path / "hub", [new], commit="b" * 40)
    await library.adopt(hub(tmp_path / "hub"))
    assert [model.revision for model in library.models] == ["b" * 40]


async def test_links_that_leave_a_store_are_not_followed(library: Library, tmp_path: Path) -> None:
    (secret,) = made_models.model(tmp_path / "secret.gguf")
    (file,) = made_models.model(tmp_path / "m.gguf", seed=2)
    snapshot = made_models.hugging_face(tmp_path / "hub", [file])
    (snapshot / "away.gguf").symlink_to(secret)
    (snapshot / "gone.gguf").symlink_to("../../blobs/none")
    blob = made_models.ollama(tmp_path / "ollama", file, "evil")
    blob.unlink()
    blob.symlink_to(secret)
    await library.adopt(hub(tmp_path / "hub"))
    await library.adopt(Store("Ollama", tmp_path / "ollama", ollama.find))
    assert [model.path.name for model in library.models] == ["m.gguf"]


async def test_ollama_gives_the_hash_for_nothing(library: Library, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    made_models.model(tmp_path / "other.gguf", seed=2)
    mmproj = made_models.projector(tmp_path / "p.gguf")
    folder = tmp_path / "ollama"
    blob = made_models.ollama(folder, file, "tiny", "1b", mmproj)
    made_models.ollama(folder, file, "tiny", "latest")  # another tag of the same bytes
    sha = made_models.sha256(file)
    object.__setattr__(library.shelf, "promises", {sha: Promise("o/r/f.gguf", "Known", "o/r", "f.gguf")}.get)
    before = made_models.tree(folder)
    await library.adopt(Store("Ollama", folder, ollama.find))
    (model,) = library.models
    assert (model.path, model.files[0].sha256, model.catalog, model.name) == (blob, sha, "o/r/f.gguf", "Known")
    assert [f.role for f in model.files] == ["weights", "projector"]
    assert model.check is Check.UNKNOWN
    assert made_models.tree(folder) == before


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"not json",
        b"[]",
        b'{"layers": 5}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}]}',
        b"[" * 100_000,
    ],
)
async def test_broken_manifests_are_passed_over(library: Library, tmp_path: Path, manifest: bytes) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    made_models.ollama(tmp_path / "ollama", file, "good")
    bad = tmp_path / "ollama/manifests/registry.ollama.ai/library/bad/latest"
    bad.parent.mkdir()
    bad.write_bytes(manifest)
    adopted, refused = await library.adopt(Store("Ollama", tmp_path / "ollama", ollama.find))
    assert [one.model.name for one in adopted] == ["good:1b"] and refused == []


async def test_lm_studio_names_the_repository(library: Library, tmp_path: Path) -> None:
    made_models.model(tmp_path / "pub" / "Seer-GGUF" / "Seer-Q4_0.gguf")
    made_models.projector(tmp_path / "pub" / "Seer-GGUF" / "mmproj-model-f16.gguf")
    await library.adopt(Store("LM Studio", tmp_path, folders.find_lm_studio))
    (model,) = library.models
    assert (model.repository, model.source, len(model.files)) == ("pub/Seer-GGUF", "LM Studio", 2)


async def test_llama_cpp_in_both_layouts(library: Library, tmp_path: Path) -> None:
    made_models.model(tmp_path / "cache" / "org_a-GGUF_a-Q4_0.gguf")
    (file,) = made_models.model(tmp_path / "b.gguf", seed=2)
    made_models.hugging_face(tmp_path / "cache", [file], "org/b")
    await library.adopt(Store("llama.cpp", tmp_path / "cache", folders.find_llama_cpp))
    assert sorted(model.path.name for model in library.models) == ["b.gguf", "org_a-GGUF_a-Q4_0.gguf"]


async def test_what_is_broken_is_told_and_the_rest_adopted(library: Library, tmp_path: Path) -> None:
    made_models.model(tmp_path / "good.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    (tmp_path / os.fsdecode(b"\xff.gguf")).write_bytes((tmp_path / "good.gguf").read_bytes() + b"\0")
    adopted, refused = await library.adopt(any_folder(tmp_path))
    assert [one.model.path.name for one in adopted] == ["good.gguf"]
    assert len(refused) == 2 and all(isinstance(one.error, OffGridError) for one in refused)


async def test_the_same_bytes_come_once(library: Library, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    made_models.hugging_face(tmp_path / "hub", [file])
    made_models.ollama(tmp_path / "ollama", file)
    await library.adopt(hub(tmp_path / "hub"))
    (again,), _ = await library.adopt(hub(tmp_path / "hub"))
    (other,), _ = await library.adopt(Store("Ollama", tmp_path / "ollama", ollama.find))
    assert again.already and other.already
    assert len(library.models) == 1


async def test_a_dry_run_writes_nothing(library: Library, tmp_path: Path) -> None:
    made_models.model(tmp_path / "m.gguf")
    (one,), _ = await library.adopt(any_folder(tmp_path), dry=True)
    assert one.model.path.name == "m.gguf" and library.models == ()


async def test_importing_an_adopted_model_makes_it_ours(library: Library, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "m.gguf")
    blob = made_models.ollama(tmp_path / "ollama", file)
    await library.adopt(Store("Ollama", tmp_path / "ollama", ollama.find))
    (found,), _ = find_sets(file)
    done = await library.import_set(found, Wish((Method.COPY,)))
    assert not done.already
    assert [model.origin for model in library.models] == [Origin.IMPORTED]
    assert blob.is_file()


async def test_a_model_that_came_back_keeps_its_record(library: Library, tmp_path: Path) -> None:
    (file,) = made_models.model(tmp_path / "a" / "m.gguf")
    await library.adopt(any_folder(tmp_path / "a"))
    aside = file.rename(tmp_path / "aside")
    await library.reconcile()
    assert "gone" in library.models[0].problem
    aside.rename(file)
    await library.adopt(any_folder(tmp_path / "a"))
    (model,) = library.models
    assert model.problem == "" and model.id == "m"


def test_places_follow_the_tools_own_variables(tmp_path: Path) -> None:
    plain = stores({}, tmp_path)
    assert plain["huggingface"][0].folder == tmp_path / ".cache/huggingface/hub"
    assert plain["ollama"][0].folder == tmp_path / ".ollama/models"
    assert tmp_path / ".lmstudio/models" in [store.folder for store in plain["lmstudio"]]
    env = {"HF_HOME": "/x/hf", "OLLAMA_MODELS": "/x/ollama", "LLAMA_CACHE": "~/llama"}
    moved = stores(env, tmp_path)
    assert moved["huggingface"][0].folder == Path("/x/hf/hub")
    assert [store.folder for store in moved["ollama"]] == [Path("/x/ollama")]
    assert moved["llama.cpp"][0].folder == tmp_path / "llama"
    assert stores(env | {"HF_HUB_CACHE": "/y"}, tmp_path)["huggingface"][0].folder == Path("/y")


def test_lm_studio_may_keep_its_models_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio/settings.json").write_text(json.dumps({"downloadsFolder": "/big/models"}))
    assert [store.folder for store in stores({}, tmp_path)["lmstudio"]] == [Path("/big/models")]
    (tmp_path / ".lmstudio/settings.json").write_text("{")
    assert tmp_path / ".lmstudio/models" in [store.folder for store in stores({}, tmp_path)["lmstudio"]]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(hub(tmp_path / "none").candidates()) == []
