"""The snapshot that requests are routed by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from service.bundle.shelf import version_order
from service.errors import Loading, NotFound, quote
from service.inference.ports import ServedVersion


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Immutable: a change of what is served makes a new table, so that a request never sees half of one.

    `known` holds every model with all its versions, ready or not; `ready` those that answer, lowest version first.
    """

    known: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    ready: Mapping[str, Mapping[str, ServedVersion]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, known: Iterable[tuple[str, str]], ready: Iterable[ServedVersion]) -> RoutingTable:
        """A table of these name and version pairs, of which `ready` answer."""
        names: dict[str, set[str]] = {}
        for name, version in known:
            names.setdefault(name, set()).add(version)
        answering: dict[str, dict[str, ServedVersion]] = {}
        for served in sorted(ready, key=lambda each: version_order(each.version)):
            answering.setdefault(served.name, {})[served.version] = served
        return cls({name: frozenset(versions) for name, versions in names.items()}, answering)

    def select(self, name: str, version: str | None) -> ServedVersion:
        """The version asked for, or the highest that is ready.

        Raises:
            NotFound: see `require`.
            Loading: it is known and not ready.
        """
        self.require(name, version)
        ready = self.ready.get(name, {})
        served = ready.get(version) if version is not None else next(reversed([*ready.values()]), None)
        if served is None:
            which = f"model '{name}'" if version is None else f"version {version} of model '{name}'"
            raise Loading(f"{which} is not ready; /v1/models/{name} tells its state")
        return served

    def require(self, name: str, version: str | None = None) -> None:
        """Raise a `NotFound` that lists what there is, unless the name, and the version if given, are known."""
        if name not in self.known:
            raise NotFound(f"there is no model {quote(name)}", code="model_not_found", expected=_one_of(self.known))
        if version is not None and version not in self.known[name]:
            raise NotFound(
                f"model {quote(name)} has no version {quote(version)}",
                code="version_not_found",
                expected=_one_of(sorted(self.known[name], key=version_order)),
            )


def _one_of(names: Iterable[str]) -> str:
    return "one of: " + (", ".join(names) or "none is loaded")
