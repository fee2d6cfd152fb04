"""Documents: whole or not there at all, the same bytes on the way out, and no key that leaves its folder. On disk and over S3."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from portal import files, settings
from portal.errors import Misconfigured, NotFound
from portal.files import DocumentDamaged, Files, StoreUnavailable
from portal.settings import Settings
from portal.up.environments import Environments
from tests.core import s3store

pytestmark = pytest.mark.anyio

KEY = "batches/7/label-403-1.pdf"


@asynccontextmanager
async def opened(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Files]:
    if kind == "disk":
        yield files.at(Settings(data_dir=folder))
        return
    async with s3store.serving() as store:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3store.KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3store.SECRET)
        yield files.at(Settings(data_dir=folder, files_url=store.url))


@pytest.mark.parametrize("kind", ["disk", "s3"])
async def test_what_is_kept_comes_back(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(kind, tmp_path, monkeypatch) as kept:
        for content in (b"%PDF-1.4 one", b"", os.urandom(300_000)):
            stored = await kept.keep(KEY, content, "application/pdf")
            assert (stored.key, stored.mime, stored.size) == (KEY, "application/pdf", len(content))
            assert await kept.read(KEY, sha256=stored.sha256) == content


@pytest.mark.parametrize("kind", ["disk", "s3"])
async def test_other_bytes_than_the_kept_ones_are_never_handed_out(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(kind, tmp_path, monkeypatch) as kept:
        stored = await kept.keep(KEY, b"the label", "application/pdf")
        await kept.keep(KEY, b"the labem", "application/pdf")
        with pytest.raises(DocumentDamaged):
            await kept.read(KEY, sha256=stored.sha256)


@asynccontextmanager
async def elsewhere(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    """A store of another maker, which takes big files in parts."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    await asyncio.to_thread(server.start)
    host, port = server.get_host_and_port()
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://{host}:{port}") as client:
        (await client.put("/papers")).raise_for_status()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3store.KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3store.SECRET)
    yield Settings(files_url=f"s3://papers/portal?region=us-east-1&endpoint=http://{host}:{port}")
    await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("kind", ["disk", "s3"])
async def test_a_document_is_handed_on_in_pieces_and_a_damaged_one_never_whole(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(3 * files.PIECE + 7)
    async with opened(kind, tmp_path, monkeypatch) as kept:
        stored = await kept.keep(KEY, content, "application/pdf")
        pieces = [piece async for piece in kept.stream(KEY, sha256=stored.sha256)]
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) < len(content)
        await kept.keep(KEY, content[:-1] + b"?", "application/pdf")
        got: list[bytes] = []
        with pytest.raises(DocumentDamaged):
            await _gathered(kept.stream(KEY, sha256=stored.sha256), got)
        assert len(b"".join(got)) < len(content)
        with pytest.raises(NotFound):
            await anext(kept.stream("batches/7/nothing.pdf", sha256=stored.sha256))


async def _gathered(pieces: AsyncIterator[bytes], into: list[bytes]) -> None:
    async for piece in pieces:
        into += [piece]


async def test_a_big_file_goes_from_disk_to_disk_and_to_a_store_of_another_maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one part: a print file of a thousand parcels."""
    (tmp_path / "print.pdf").write_bytes(os.urandom(12_000_000))
    async with elsewhere(monkeypatch) as bucket:
        for settings_ in (Settings(data_dir=tmp_path), bucket):
            kept = files.at(settings_)
            stored = await kept.keep_file(KEY, tmp_path / "print.pdf", "application/pdf")
            assert stored.size == 12_000_000
            assert b"".join([piece async for piece in kept.stream(KEY, sha256=stored.sha256)]) == (tmp_path / "print.pdf").read_bytes()


async def test_a_store_is_tried_before_anything_relies_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await files.check(Settings(data_dir=tmp_path / "not made yet"))
    async with elsewhere(monkeypatch) as bucket:
        await files.check(bucket)
        assert bucket.files_url is not None
        with pytest.raises(Misconfigured, match="PORTAL_FILES_URL") as wrong:
            await files.check(Settings(files_url=bucket.files_url.replace("s3://papers", "s3://nobodys")))
        assert "bucket exists" in wrong.value.hint
    async with s3store.serving() as store:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(Misconfigured, match="PORTAL_FILES_URL"):
            await files.check(Settings(files_url=store.url))
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3store.SECRET)
        store.broken = True
        await files.check(Settings(files_url=store.url))


@pytest.mark.parametrize("kind", ["disk", "s3"])
async def test_what_was_deleted_or_never_kept_is_not_found(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(kind, tmp_path, monkeypatch) as kept:
        await kept.keep(KEY, b"a", "text/plain")
        await kept.delete(KEY)
        await kept.delete(KEY)
        with pytest.raises(NotFound):
            await kept.read(KEY)


@pytest.mark.parametrize("key", ["", "../x", "a/../b", "/etc/passwd", "a//b", ".hidden", "a/.b", "a\\b", "a b", "a\n", "é", "a" * 301])
async def test_a_key_that_is_no_plain_path_never_reaches_a_store(key: str, tmp_path: Path) -> None:
    kept = Files(tmp_path)
    for act in (kept.keep(key, b"x", "text/plain"), kept.read(key), kept.delete(key)):
        with pytest.raises(ValueError, match="plain path"):
            await act
    assert list(tmp_path.rglob("*")) == []


async def test_a_write_that_fails_leaves_what_was_there_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Files(tmp_path)
    await kept.keep(KEY, b"old", "text/plain")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable):
        await kept.keep(KEY, b"new", "text/plain")
    monkeypatch.undo()
    assert await kept.read(KEY) == b"old"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_a_folder_that_is_out_of_reach_is_told_like_any_store(tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("no folder")
    kept = Files(tmp_path / "documents")
    for act in (kept.keep(KEY, b"x", "text/plain"), kept.read(KEY), anext(kept.stream(KEY, sha256="")), kept.delete(KEY)):
        with pytest.raises(StoreUnavailable):
            await act


async def test_a_document_is_for_this_portal_alone(tmp_path: Path) -> None:
    await Files(tmp_path / "documents").keep(KEY, b"x", "text/plain")
    found = [path.stat().st_mode & 0o077 for path in (tmp_path / "documents").rglob("*") if path.is_file()]
    assert found == [0]


async def test_a_folder_never_holds_everything(tmp_path: Path) -> None:
    kept = Files(tmp_path)
    for number in range(200):
        await kept.keep(f"label-{number}.pdf", b"x", "application/pdf")
    assert max(len(list(folder.iterdir())) for folder in tmp_path.iterdir()) < 20


async def test_a_store_that_refuses_or_fails_is_told_without_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with s3store.serving() as store:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3store.KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
        with pytest.raises(StoreUnavailable) as caught:
            await files.at(Settings(data_dir=tmp_path, files_url=store.url)).keep(KEY, b"x", "text/plain")
        assert s3store.KEY_ID not in f"{caught.value!r} {caught.value.detail}"
        assert caught.value.retryable
        assert store.held == {}


async def test_the_type_travels_with_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with s3store.serving() as store:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3store.KEY_ID)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3store.SECRET)
        await files.at(Settings(data_dir=tmp_path, files_url=store.url)).keep(KEY, b"x", "application/pdf")
        assert [(path.removeprefix("/papers/portal/")[3:], kind) for path, (_, kind) in store.held.items()] == [(KEY, "application/pdf")]


@pytest.mark.parametrize(
    "url", ["s3://b?endpoint=http://store.example.in", "s3://me:secret@b", "s3://b?secret=x", "https://b.example.in", "s3:///folder"]
)
def test_an_address_that_would_not_do_is_refused_at_start(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        files.bucket(url)
    assert "secret" not in str(caught.value)


def test_the_setting_names_a_bucket() -> None:
    assert settings.read({"PORTAL_FILES_URL": "s3://papers/here"}).files_url == "s3://papers/here"
    assert settings.read({}).files_url is None
    for wrong in ("papers", "https://papers", "s3://"):
        with pytest.raises(Misconfigured, match="PORTAL_FILES_URL"):
            settings.read({"PORTAL_FILES_URL": wrong})


def test_only_with_a_store_do_processes_get_its_keys(tmp_path: Path) -> None:
    given: dict[str, Any] = {"AWS_SECRET_ACCESS_KEY": "x", "AWS_ACCESS_KEY_ID": "y"}

    def child(more: dict[str, str]) -> dict[str, str]:
        return Environments(given={**given, **more}, data_dir=tmp_path, places=(), sandbox_base=None)._child()

    assert not set(child({})) & set(given)
    assert set(given) <= set(child({"PORTAL_FILES_URL": "s3://papers"}))
