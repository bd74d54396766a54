from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from plimsoll.access.key_source import WITHDRAW_AFTER_SECONDS, KeySource
from plimsoll.access.keys import KeyFileError, KeyRing
from plimsoll.watched_file import LastGoodCopy, WatchedFile
from plimsoll.yaml_file import YamlFile

from tests.unit.eventually import eventually


def keys(*labels: str) -> str:
    listed = ", ".join(
        f"{{label: {each}, sha256: {hashlib.sha256(each.encode()).hexdigest()}, scopes: [predict]}}" for each in labels
    )
    return f"keys: [{listed}]"


def labels_of(ring: KeyRing) -> list[str]:
    return [entry.label for entry in ring.entries]


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Followed:
    """A key source in a folder: its file, its clock, the rings that came into force, and what it reported."""

    def __init__(self, folder: Path, copy: LastGoodCopy | None = None) -> None:
        self.file = folder / "keys.yaml"
        self.clock = Clock()
        self.rings: list[list[str]] = []
        self.reports: list[str] = []
        self.source = KeySource(self.file, self.reports.append, copy, self.clock)

    def start(self) -> list[str]:
        """The labels of the first ring."""
        return labels_of(self.source.first())

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """While it is followed."""
        task = asyncio.create_task(self.source.follow(lambda ring: self.rings.append(labels_of(ring))))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plimsoll.watched_file.LOOK_EVERY_SECONDS", 0.005)


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    made = Followed(tmp_path)
    made.file.write_text(keys("a"))
    assert made.start() == ["a"]
    return made


async def test_each_new_ring_comes_into_force_once(followed: Followed) -> None:
    async with followed.following():
        followed.file.write_text(keys("a", "b"))
        await eventually(lambda: followed.rings == [["a", "b"]])
        followed.file.write_text(keys())
        await eventually(lambda: followed.rings == [["a", "b"], []])
    assert set(followed.reports) == {""}


async def test_a_broken_file_leaves_the_ring_in_force_and_is_reported_and_logged_once(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed.following():
        assert followed.reports == [""]
        followed.file.write_text("keys: [")
        await eventually(lambda: len(followed.reports) == 2)
        followed.file.write_text(keys("a"))
        await eventually(lambda: len(followed.reports) == 3)
    assert followed.rings == [["a"]]
    assert [bool(each) for each in followed.reports] == [False, True, False]
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [f"key file cannot be used; the API keys loaded before stay in force (1): {followed.reports[1]}"]


async def test_a_file_that_is_missing_for_a_moment_withdraws_nothing(followed: Followed) -> None:
    async with followed.following():
        followed.file.unlink()
        await eventually(lambda: any(followed.reports))
        followed.clock.now += WITHDRAW_AFTER_SECONDS - 1
        followed.file.write_text(keys("a", "b"))
        await eventually(lambda: followed.rings)
    assert followed.rings == [["a", "b"]]


async def test_a_file_that_stays_away_withdraws_every_key_until_it_is_back(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    async with followed.following():
        followed.file.unlink()
        await eventually(lambda: any(followed.reports))
        followed.clock.now += WITHDRAW_AFTER_SECONDS + 1
        await eventually(lambda: followed.rings == [[]])
        followed.file.write_text(keys("a"))
        await eventually(lambda: followed.rings == [[], ["a"]])
    assert "the key file keys.yaml has been missing for 30 s; all API keys are revoked until it is back" in caplog.text


def test_a_server_that_starts_with_a_broken_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        Followed(tmp_path).start()
    (tmp_path / "keys.yaml").write_text("keys: [")
    with pytest.raises(KeyFileError, match="not YAML"):
        Followed(tmp_path).start()


async def test_a_worker_that_starts_while_the_file_is_broken_has_the_keys_of_the_others(tmp_path: Path) -> None:
    copy = LastGoodCopy(tmp_path / "keys.last-good")
    first = Followed(tmp_path, copy)
    first.file.write_text(keys("a"))
    first.start()
    first.file.write_text("keys: [")
    second = Followed(tmp_path, copy)
    assert second.start() == ["a"]
    async with second.following():
        await eventually(lambda: second.reports)
        assert "not YAML" in second.reports[-1]
        second.file.write_text(keys("b"))
        await eventually(lambda: second.rings == [["b"]])
        second.file.write_text("keys: [")
        assert Followed(tmp_path, copy).start() == ["b"]


async def test_a_worker_that_starts_after_the_keys_were_withdrawn_has_none(tmp_path: Path) -> None:
    copy = LastGoodCopy(tmp_path / "keys.last-good")
    first = Followed(tmp_path, copy)
    first.file.write_text(keys("a"))
    first.start()
    async with first.following():
        first.file.unlink()
        await eventually(lambda: first.reports and first.reports[-1])
        first.clock.now += WITHDRAW_AFTER_SECONDS + 1
        await eventually(lambda: first.rings == [[]])
    assert Followed(tmp_path, copy).start() == []


async def test_the_file_is_parsed_in_a_thread_and_only_when_it_has_changed(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    looks: list[int] = []
    look, parse = WatchedFile.look, YamlFile.parse

    def noting(*of: Any) -> Any:
        threads.append(threading.current_thread().name)
        return parse(*of)

    def counting(watched: WatchedFile[Any]) -> Any:
        looks.append(1)
        return look(watched)

    monkeypatch.setattr(YamlFile, "parse", noting)
    monkeypatch.setattr(WatchedFile, "look", counting)
    async with followed.following():
        await eventually(lambda: len(looks) > 10)
        assert threads == []
        followed.file.write_text(keys("b"))
        await eventually(lambda: followed.rings == [["b"]])
        known = len(looks)
        await eventually(lambda: len(looks) > known + 10)
    assert len(threads) == 1
    assert threading.current_thread().name not in threads
