"""A registry that learns of one version after the other, as a test serves them."""

from __future__ import annotations

from plimsoll.control.desired_state import DesiredModel, DesiredState, DesiredVersion
from plimsoll.control.version_registry import VersionRegistry


class Wishes:
    """The versions that a test wants to be served."""

    def __init__(self) -> None:
        self._versions: dict[str, list[str]] = {}

    def add(self, registry: VersionRegistry, name: str, *versions: str) -> None:
        """Have the registry know these versions of a model as desired too, as yet loading."""
        mine = self._versions.setdefault(name, [])
        mine += [version for version in versions if version not in mine]
        models = [
            DesiredModel(name=each, versions=[DesiredVersion(version=version) for version in wanted])
            for each, wanted in self._versions.items()
        ]
        registry.desire(DesiredState(models=models))
