from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from plimsoll.bundle.shelf import Shelf
from plimsoll.control.desired_state import NO_RULES, DesiredState, StateRules
from plimsoll.control.desired_state_source import DesiredStateSource
from plimsoll.errors import OperatorError
from plimsoll.watched_file import LastGoodCopy
from plimsoll.yaml_file import YamlFile

from tests.conftest import MakeBundle
from tests.unit.eventually import eventually
from tests.unit.services import put


def document(*versions: str) -> str:
    listed = ", ".join(f'{{version: "{each}"}}' for each in versions)
    return f"models: [{{name: tiny, versions: [{listed}]}}]"


def versions_of(state: DesiredState) -> list[str]:
    return [each.version for model in state.models for each in model.versions]


class Listener:
    """Follows a source, and keeps what it hears in order: versions, or the message of an error."""

    def __init__(
        self, file: Path | None, shelf: Shelf, *, rules: StateRules = NO_RULES, copy: LastGoodCopy | None = None
    ) -> None:
        self.heard: list[list[str] | str] = []
        self.reports: list[str] = []
        self._source = DesiredStateSource(file, shelf, rules=rules, report=self.reports.append, copy=copy)

    async def follow(self) -> None:
        """Listen until the source ends."""
        async with aclosing(self._source.states(self._hear_error)) as states:
            async for state in states:
                self.heard.append(versions_of(state))

    async def after(self, act: Callable[[], object]) -> list[list[str] | str]:
        """What was heard once something new is; acts again where the watch had not begun when it did."""
        known = len(self.heard)
        act()
        while len(self.heard) == known:
            try:
                async with asyncio.timeout(1):
                    await eventually(lambda: len(self.heard) > known)
            except TimeoutError:
                act()
        return self.heard

    def _hear_error(self, error: OperatorError) -> None:
        self.heard.append(error.message)


@asynccontextmanager
async def listening(file: Path, *, rules: StateRules = NO_RULES) -> AsyncIterator[Listener]:
    """A listener to a file that has heard what is desired at first."""
    async with following(Listener(file, Shelf(file.parent / "models"), rules=rules)) as listener:
        yield listener


@asynccontextmanager
async def following(listener: Listener) -> AsyncIterator[Listener]:
    """The listener once it has heard what is desired at first, and until the end of the block."""
    task = asyncio.create_task(listener.follow())
    await eventually(lambda: listener.heard)
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "desired.yaml"
    made.write_text(document("1"))
    return made


async def test_what_is_desired_at_first_and_each_later_change_is_heard_once(file: Path) -> None:
    async with listening(file) as listener:
        assert listener.heard == [["1"]]
        await listener.after(lambda: put(file, document("1", "2")))
        put(file, document("1", "2") + "\n# only a remark\n")
        await listener.after(lambda: put(file, document("2")))
        assert listener.heard == [["1"], ["1", "2"], ["2"]]


async def test_a_file_that_is_written_in_place_is_heard(file: Path) -> None:
    async with listening(file) as listener:
        heard = await listener.after(lambda: file.write_text(document("3")))
        assert heard[-1] == ["3"]


async def test_the_link_that_kubernetes_swaps_under_a_mounted_file_is_heard(tmp_path: Path) -> None:
    mount = tmp_path / "mount"

    def publish(dated: str, *versions: str) -> None:
        folder, link = mount / dated, mount / "..data_tmp"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "desired.yaml").write_text(document(*versions))
        link.unlink(missing_ok=True)
        link.symlink_to(dated)
        link.replace(mount / "..data")

    publish("..2026_05_01_12_00_00.123456", "1")
    (mount / "desired.yaml").symlink_to(Path("..data") / "desired.yaml")
    async with listening(mount / "desired.yaml") as listener:
        heard = await listener.after(lambda: publish("..2026_05_02_12_00_00.654321", "2"))
        assert heard == [["1"], ["2"]]


async def test_a_broken_file_is_told_once_for_each_message_and_mending_it_is_heard(file: Path) -> None:
    async with listening(file) as listener:
        await listener.after(lambda: put(file, "models: ["))
        put(file, "models: [")
        await listener.after(lambda: put(file, "models: [digits]"))
        await listener.after(lambda: put(file, document("2")))
        first, not_yaml, wrong_field, mended = listener.heard
        assert (first, mended) == (["1"], ["2"])
        assert "desired.yaml is not YAML" in not_yaml
        assert "models.0" in wrong_field


async def test_going_back_to_what_held_before_an_error_is_heard_so_that_the_error_ends(file: Path) -> None:
    async with listening(file) as listener:
        await listener.after(lambda: put(file, "models: ["))
        await listener.after(lambda: put(file, document("1")))
        assert (listener.heard[0], listener.heard[2:]) == (["1"], [["1"]])


async def test_a_file_that_is_not_there_yet_is_told_and_heard_when_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "late.yaml"
    async with listening(file) as listener:
        assert "late.yaml cannot be read: No such file" in listener.heard[0]
        await listener.after(lambda: put(file, document("1")))
        assert listener.heard[1:] == [["1"]]


async def test_a_file_that_is_deleted_is_told(file: Path) -> None:
    async with listening(file) as listener:
        await listener.after(lambda: file.unlink(missing_ok=True))
        assert "desired.yaml cannot be read: No such file" in listener.heard[1]


async def test_a_worker_that_starts_while_the_file_is_broken_begins_with_what_the_others_have(file: Path) -> None:
    copy, shelf = LastGoodCopy(file.with_name("state.last-good")), Shelf(file.parent / "models")
    async with following(Listener(file, shelf, copy=copy)) as first:
        await first.after(lambda: put(file, document("2")))
        await first.after(lambda: put(file, "models: ["))
    async with following(Listener(file, shelf, copy=copy)) as second:
        await eventually(lambda: len(second.heard) == 2)
        assert second.heard[0] == ["2"]
        assert "is not YAML" in second.heard[1]
        assert "is not YAML" in second.reports[-1]
        await second.after(lambda: put(file, document("2")))
        assert (second.heard[2:], second.reports[-1]) == ([["2"]], "")


async def test_weights_are_told_as_an_error_where_they_are_not_allowed(file: Path) -> None:
    put(file, 'models: [{name: tiny, versions: [{version: "1", weight: 100}]}]')
    async with listening(file, rules=StateRules(may_split=False)) as listener:
        assert "PLIMSOLL_TRACK is set" in listener.heard[0]
    async with listening(file) as listener:
        assert listener.heard == [["1"]]


async def test_without_a_file_the_shelf_is_read_once_and_the_source_ends(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        make_tiny_bundle(version=version)
    listener = Listener(None, Shelf(tmp_path / "models"))
    await listener.follow()
    assert listener.heard == [["2"]]


async def test_the_file_is_read_and_parsed_in_a_thread(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    parse = YamlFile.parse

    def noting(*of: Any) -> Any:
        threads.append(threading.current_thread().name)
        return parse(*of)

    monkeypatch.setattr(YamlFile, "parse", noting)
    async with listening(file):
        pass
    assert threads
    assert threading.current_thread().name not in threads
