"""The folder of bundles, `<models>/<name>/<version>/`."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from plimsoll.bundle.folder import Bundle, open_bundle
from plimsoll.bundle.manifest import ModelName, ModelVersion
from plimsoll.errors import BundleError

_NAME = TypeAdapter(ModelName)
_VERSION = TypeAdapter(ModelVersion)
_WHERE = "bundles lie in <name>/<version>/ of the folder that PLIMSOLL_MODELS_DIR names"
_NAME_FORM = "a model's name is lower-case letters, digits and dashes, 63 at most"
_VERSION_FORM = "a version is one to four numbers joined by dots, without leading zeros"
_MOST_REMARKS = 20


def version_order(version: str) -> tuple[int, ...]:
    """The sort key of versions: 2 comes before 10, and 1.9 before 1.10."""
    return tuple(int(part) for part in version.split("."))


class Shelf:
    """Finds bundles by name and version under one folder; reads the disk at every call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self) -> dict[str, list[str]]:
        """Every model with its versions, lowest first. Empty when the folder is missing or holds no bundle."""
        found: dict[str, list[str]] = {}
        for path in self._folder.glob("*/*/"):
            if _fits(_NAME, path.parent.name) and _fits(_VERSION, path.name):
                found.setdefault(path.parent.name, []).append(path.name)
        return {name: sorted(found[name], key=version_order) for name in sorted(found)}

    def remarks(self) -> list[str]:
        """Return sentences about faults of the folder and about skipped folders in it; clients may see them."""
        if not self._folder.exists():
            return [f"{self._title} does not exist; {_WHERE}"]
        if not self._folder.is_dir():
            return [f"{self._title} is a file; {_WHERE}"]
        odd = []
        for model in _subfolders(self._folder):
            if not _fits(_NAME, model.name):
                odd.append(self._passed_over(model.name, _NAME_FORM))
                continue
            versions = [path.name for path in _subfolders(model)]
            if not versions:
                odd.append(self._passed_over(model.name, "it holds no folder of a version"))
            odd += [
                self._passed_over(f"{model.name}/{name}", _VERSION_FORM)
                for name in versions
                if not _fits(_VERSION, name)
            ]
        if len(odd) > _MOST_REMARKS:
            odd[_MOST_REMARKS:] = [f"and {len(odd) - _MOST_REMARKS} more folders are passed over"]
        if not self.versions():
            odd.append(f"{self._title} holds no bundle; {_WHERE}")
        return odd

    @property
    def _title(self) -> str:
        """The name of the folder in sentences for clients: its own name, without its path."""
        return f"the models folder {_quoted(self._folder.absolute().name)}"

    def _passed_over(self, folder: str, form: str) -> str:
        return f"{_quoted(folder)} in {self._title} is passed over: {form}"

    def open(self, name: str, version: str) -> Bundle:
        """The bundle of that name and version.

        Raises:
            BundleError: with check `files` when there is none (the message says what there is), `manifest` when its
                manifest is invalid or speaks of another name or version.
        """
        present = self.versions()
        if version not in present.get(name, []):
            there = "; ".join(f"{known} {', '.join(versions)}" for known, versions in present.items())
            remarks = self.remarks()
            reasons = [f"bundles there: {there}"] if there else [*remarks[:1], *remarks[1:][-1:]]
            raise BundleError("files", "; ".join([f"there is no bundle of {name} version {version}", *reasons]))
        bundle = open_bundle(self._folder / name / version)
        bundle.verify_place()
        return bundle


def _subfolders(folder: Path) -> list[Path]:
    """The folders in it, without hidden ones and those that file systems and Python leave behind."""
    found = sorted(folder.glob("*/"))
    return [path for path in found if not path.name.startswith((".", "_")) and path.name != "lost+found"]


def _quoted(name: str) -> str:
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # names can be any bytes
    return f"'{readable[:100]}'"


def _fits(form: TypeAdapter[str], text: str) -> bool:
    try:
        form.validate_python(text)
    except ValidationError:
        return False
    return True
