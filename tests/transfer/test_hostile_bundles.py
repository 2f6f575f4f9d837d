"""Bundles that no export writes: refused as a whole, whoever signed them."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.foundation.errors import DamagedError, OffGridError
from offgrid_tui.transfer import tree
from offgrid_tui.transfer.errors import DamagedBundle, HostileBundle
from offgrid_tui.transfer.signing import sign
from tests.library import made_models
from tests.transfer.conftest import Side

MODEL = "models/local/m/m.gguf"


@pytest.fixture
async def root(here: Side, there: Side, stick: Path, tmp_path: Path) -> Path:
    """The root of a good bundle, whose signer is trusted on the other side."""
    await here.export(stick, await here.has(made_models.model(tmp_path / "m.gguf")[0]))
    there.trusts(here)
    return stick / "offgrid-bundle"


def sign_anew(side: Side, root: Path) -> None:
    """As an attacker would whose key is trusted."""
    key = side.keys.own()
    assert key is not None
    digests = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }
    (root.parent / "offgrid-bundle.sig").write_text(sign(root.name, digests, side.keys.private(key)))


async def refused(side: Side, root: Path, kind: type[OffGridError] = HostileBundle) -> str:
    with pytest.raises(kind) as caught:
        await side.transfer.read(root.parent)
    assert side.library.models == () and not side.paths.models.exists()
    return caught.value.detail


def change(root: Path, what: Callable[[dict[str, Any]], object]) -> None:
    path = root / "manifest.json"
    value = json.loads(path.read_text())
    what(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    "path",
    [
        "../evil.gguf",
        "models/../../evil.gguf",
        "/etc/evil.gguf",
        "models//evil.gguf",
        "models/./evil.gguf",
        "models/a\\..\\evil.gguf",
        "models/a\x1b[2J.gguf",
        "models/a\u202egguf",
        "models/a\x00.gguf",
        "models/C:evil.gguf",
        "models/" + "a/" * 20 + "m.gguf",
        "models/" + "a" * 300,
        "models/a /m.gguf",
        "README.txt",
        "models/local/m/m.gguf.receipt.json",
    ],
)
async def test_a_name_that_leads_elsewhere(here: Side, there: Side, root: Path, path: str) -> None:
    for key in ("path", "parts"):
        before = (root / "manifest.json").read_text()

        def to(value: dict[str, Any], key: str = key) -> None:
            file = value["models"][0]["files"][0]
            if key == "path":
                file["path"] = path
            else:
                file["parts"] = [{"path": path, "bytes": file["bytes"], "sha256": file["sha256"]}]

        change(root, to)
        sign_anew(here, root)
        await refused(there, root)
        (root / "manifest.json").write_text(before)


async def test_papers_that_lead_elsewhere(here: Side, there: Side, root: Path) -> None:
    for path in ("../../LICENSE", "/etc/passwd", "models/local/m/secret"):
        change(root, lambda value, path=path: value["models"][0].update(papers=[path]))
        sign_anew(here, root)
        await refused(there, root)


async def test_links_pipes_sockets_and_devices(here: Side, there: Side, root: Path, tmp_path: Path) -> None:
    place = root / MODEL
    data = place.read_bytes()
    (tmp_path / "outside").write_bytes(data)
    place.unlink()
    place.symlink_to(tmp_path / "outside")  # the very bytes that were signed
    assert "a symbolic link" in await refused(there, root)
    place.unlink()
    os.mkfifo(place)
    assert "a pipe" in await refused(there, root)
    place.unlink()
    if os.getuid() == 0:
        os.mknod(place, 0o600 | 0o020000, os.makedev(1, 5))
        assert "a device" in await refused(there, root)
        place.unlink()
    here_now = os.getcwd()
    os.chdir(place.parent)  # a socket's name holds 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(place.name)
            assert "a socket" in await refused(there, root)
    finally:
        os.chdir(here_now)
    place.unlink()
    place.write_bytes(data)
    folder = root / "models/local"
    folder.rename(tmp_path / "local")
    folder.symlink_to(tmp_path / "local")
    assert "a symbolic link" in await refused(there, root)


async def test_a_root_that_is_a_link(there: Side, root: Path, tmp_path: Path) -> None:
    root.rename(tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere")
    await refused(there, root)


async def test_a_signature_or_key_that_is_no_file(there: Side, root: Path) -> None:
    for name in ("offgrid-bundle.sig", "offgrid-bundle.pub"):
        path = root.parent / name
        data = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(OffGridError):
            bundle = await there.transfer.read(root.parent)
            assert bundle.signer.fingerprint  # the key beside it is never opened where the signer is known
            raise HostileBundle("")
        path.unlink()
        path.write_bytes(data)


async def test_files_that_nobody_listed(here: Side, there: Side, root: Path) -> None:
    (root / "models/local/m/setup.sh").write_text("#!/bin/sh\n")
    sign_anew(here, root)
    assert "setup.sh" in await refused(there, root)


async def test_two_manifests(here: Side, there: Side, root: Path) -> None:
    (root / "Manifest.JSON").write_bytes((root / "manifest.json").read_bytes())
    sign_anew(here, root)
    assert "twice" in await refused(there, root)
    (root / "Manifest.JSON").unlink()
    text = (root / "manifest.json").read_text()
    (root / "manifest.json").write_text(text.rstrip().removesuffix("}") + ', "models": []}')
    sign_anew(here, root)
    await refused(there, root, DamagedBundle)


async def test_one_file_listed_twice(here: Side, there: Side, root: Path) -> None:
    def twice(value: dict[str, Any]) -> None:
        again = json.loads(json.dumps(value["models"][0]))
        again["files"][0]["sha256"] = "0" * 64
        value["models"].append(again)

    before = (root / "manifest.json").read_text()
    change(root, twice)
    sign_anew(here, root)
    assert "twice" in await refused(there, root)
    (root / "manifest.json").write_text(before)
    change(root, lambda value: value["models"][0]["files"].append(dict(value["models"][0]["files"][0])))
    sign_anew(here, root)
    assert "twice" in await refused(there, root)


@pytest.mark.parametrize("size", [-1, 0, 2**60, True, "12", 1.5, None])
async def test_sizes_beyond_all_measure(here: Side, there: Side, root: Path, size: Any) -> None:
    change(root, lambda value: value["models"][0]["files"][0].update(bytes=size))
    sign_anew(here, root)
    await refused(there, root, OffGridError)


async def test_parts_that_do_not_add_up(here: Side, there: Side, root: Path) -> None:
    def cut(value: dict[str, Any]) -> None:
        file = value["models"][0]["files"][0]
        file["parts"] = [{"path": f"{MODEL}.0001", "bytes": 5, "sha256": "0" * 64}]

    change(root, cut)
    sign_anew(here, root)
    assert "add up" in await refused(there, root)


async def test_counts_beyond_all_measure(here: Side, there: Side, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_FILES", 20)
    for number in range(20):
        (root / f"{number}.txt").touch()
    assert "more than 20 files" in await refused(there, root)
    for number in range(20):
        (root / f"{number}.txt").unlink()
    change(root, lambda value: value.update(models=value["models"] * 3000))
    sign_anew(here, root)
    assert "3000 models" in await refused(there, root)


async def test_texts_beyond_all_measure(here: Side, there: Side, root: Path) -> None:
    os.truncate(root / "README.txt", 2**40)  # sparse
    assert "larger" in await refused(there, root)
    (root / "README.txt").write_text("x")
    (root / "manifest.json").write_text("[" * 100_000)
    sign_anew(here, root)
    await refused(there, root, DamagedBundle)
    os.truncate(root.parent / "offgrid-bundle.sig", 2**40)
    await refused(there, root)


@pytest.mark.parametrize(
    "change_it",
    [
        lambda value: value["models"][0]["files"][0].update(role="other"),
        lambda value: value["models"][0]["files"][0].update(role="projector"),
        lambda value: value["models"][0].update(files=[]),
        lambda value: value["models"][0].update(files=None),
        lambda value: value["models"][0].update(facts=[]),
        lambda value: value["models"][0].update(installed=-1),
        lambda value: value.update(created=10**400),
        lambda value: value.update(created=None),
        lambda value: value.update(models={}),
        lambda value: value.update(models=["x"]),
        lambda value: value.update(form=99),
        lambda value: value["models"][0]["files"][0].update(sha256="A" * 64),
        lambda value: value["models"][0]["files"][0].update(sha256=None),
    ],
)
async def test_manifests_that_make_no_sense(
    here: Side, there: Side, root: Path, change_it: Callable[[dict[str, Any]], object]
) -> None:
    change(root, change_it)
    sign_anew(here, root)
    await refused(there, root, OffGridError)


async def test_two_files_that_would_have_one_name_here(here: Side, there: Side, root: Path, tmp_path: Path) -> None:
    """What our names don't keep, as a dot in front, must not bring two files to one place."""
    projector = made_models.projector(tmp_path / "mmproj.gguf").read_bytes()
    for name in (".m.gguf",):
        (root / "models/local/m" / name).write_bytes(projector)
        item = {
            "path": f"models/local/m/{name}",
            "bytes": len(projector),
            "sha256": hashlib.sha256(projector).hexdigest(),
            "role": "projector",
        }
        change(root, lambda value, item=item: value["models"][0]["files"].append(item))
    sign_anew(here, root)
    bundle = await there.transfer.read(root.parent)
    with pytest.raises(DamagedError, match="have one name"):
        await there.transfer.install(bundle, bundle.models[0])
    assert there.library.models == () and not list(there.paths.models.glob("local/*"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        "\ud800",
        "{" * 5000,
    ],
)
async def test_signatures_that_are_none(there: Side, root: Path, text: str) -> None:
    (root.parent / "offgrid-bundle.sig").write_bytes(text.encode("utf-8", "surrogatepass"))
    await refused(there, root, DamagedBundle)


async def test_a_signature_with_other_contents(here: Side, there: Side, root: Path) -> None:
    import base64

    path = root.parent / "offgrid-bundle.sig"
    value = json.loads(path.read_text())
    payload = base64.b64decode(value["dsseEnvelope"]["payload"])
    value["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b"manifest", b"Manifest")).decode()
    path.write_text(json.dumps(value))
    assert "does not fit" in await refused(there, root, DamagedBundle)


async def test_a_claim_is_not_taken_for_the_header(here: Side, there: Side, root: Path) -> None:
    """What a trusted signer says of a model does not change what its file says, nor where it is put."""

    def claim(value: dict[str, Any]) -> None:
        value["models"][0].update(
            repository="../../evil/\x1b[2J", name="\x1b[2Jname\n", catalog="official/model", check="verified"
        )
        value["models"][0]["facts"].update(architecture="\x1bevil", parameters=10**30, licence="mit\x07")

    change(root, claim)
    sign_anew(here, root)
    bundle = await there.transfer.read(root.parent)
    await there.transfer.install(bundle, bundle.models[0])
    (model,) = there.library.models
    assert model.path.is_relative_to(there.paths.models) and len(model.path.relative_to(there.paths.models).parts) == 3
    assert (model.facts.architecture, model.catalog) == ("llama", "")
    assert "\x1b" not in model.name + model.repository + str(model.path)


async def test_what_is_no_model_is_not_installed(here: Side, there: Side, root: Path) -> None:
    data = b"#!/bin/sh\n" * 100
    (root / MODEL).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    change(root, lambda value: value["models"][0]["files"][0].update(bytes=len(data), sha256=digest))
    sign_anew(here, root)
    bundle = await there.transfer.read(root.parent)
    with pytest.raises(OffGridError):
        await there.transfer.install(bundle, bundle.models[0])
    assert there.library.models == ()


async def test_what_desktops_leave_is_passed_over(there: Side, root: Path) -> None:
    (root / ".DS_Store").write_text("x")
    (root / "models/._local").write_text("x")
    (root.parent / "System Volume Information").mkdir()
    assert len((await there.transfer.read(root.parent)).models) == 1
