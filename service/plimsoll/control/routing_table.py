"""The immutable table that routes requests to versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from plimsoll.bundle.shelf import version_order
from plimsoll.control.split import choose, point_of
from plimsoll.errors import LoadFailed, Loading, NoDefaultModel, NotFound, Stuck
from plimsoll.inference.payloads import Target
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote


@dataclass(frozen=True, slots=True)
class ModelRoutes:
    """One model: its known versions, those that answer, and the split of requests that pin no version.

    All are in ascending order of version. `weights` has one weight for each version in `ready`. Versions in `failed`
    did not load and will not answer; those in `stuck` are loaded and do not answer.
    """

    known: tuple[str, ...]
    ready: tuple[ServedVersion, ...]
    weights: tuple[float, ...]
    failed: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()

    def pinned(self, version: str) -> ServedVersion | None:
        """The version of that name, if it answers."""
        return next((served for served in self.ready if served.version == version), None)


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Routes requests to versions. Immutable: each change makes a new table, so a request never sees half a change.

    `track` is the track of a rollout to which this process belongs; a request may pin it instead of a version. Until a
    desired state has been read, `nothing_yet` is the message for clients.
    """

    models: Mapping[str, ModelRoutes] = field(default_factory=dict)
    default_model: str | None = None
    track: str | None = None
    nothing_yet: str | None = None

    def select(self, target: Target) -> ServedVersion:
        """The version that answers.

        A pinned version is selected whatever its weight. Otherwise the weights decide, always in the same way for the
        same key; the share of a version that is not ready goes to the others.

        Raises:
            NotFound: see `require`; also if no model is named and there is no default.
            Loading: the version is known and not ready.
            Stuck: the version is loaded, and its forward pass does not return.
            LoadFailed: the version failed to load; or none is pinned, and every version of the model failed.
        """
        name = target.model
        if name is None:
            name = self.default()
        routes = self.models.get(name)
        if routes is not None and target.pin is None and len(routes.ready) == 1:
            return routes.ready[0]
        return self._choose(name, target)

    def likeliest(self, name: str | None, pin: str | None = None) -> ServedVersion:
        """The version that a request without a user most likely gets: of equal weights the highest one's.

        Raises as `select` does.
        """
        if name is None:
            name = self.default()
        routes = self.models.get(name)
        if pin is not None or routes is None or len(routes.ready) <= 1:
            return self.select(Target(name, pin))
        return max(reversed(tuple(zip(routes.weights, routes.ready, strict=True))), key=lambda each: each[0])[1]

    def _choose(self, name: str, target: Target) -> ServedVersion:
        if self.nothing_yet is not None:
            raise Loading(self.nothing_yet)
        pin = None if target.pin is not None and target.pin == self.track else target.pin
        self.require(name, pin)
        routes = self.models[name]
        if pin is not None:
            served = routes.pinned(pin)
        elif len(routes.ready) <= 1:
            served = routes.ready[0] if routes.ready else None
        else:
            served = choose(routes.ready, routes.weights, point_of(name, target.key))
        if served is None:
            which = f"model '{name}'" if pin is None else f"version {pin} of model '{name}'"
            if not routes.stuck.isdisjoint(routes.known if pin is None else [pin]):
                raise Stuck(f"{which} is stuck: its model or its task does not return", model=name)
            if routes.failed.issuperset(routes.known if pin is None else [pin]):
                raise LoadFailed(f"{which} could not be loaded", model=name)
            raise Loading(f"{which} is not ready", model=name)
        return served

    def require(self, name: str, version: str | None = None) -> None:
        """Raise a `NotFound` that lists the known ones, unless the name, and the version if given, are known."""
        routes = self.models.get(name)
        if routes is None:
            raise NotFound(f"there is no model {quote(name)}", code="model_not_found", expected=_one_of(self.models))
        if version is not None and version not in routes.known:
            accepted = (*routes.known, self.track) if self.track else routes.known
            raise NotFound(
                f"model {quote(name)} has no version {quote(version)}",
                code="version_not_found",
                expected=_one_of(accepted),
            )

    def default(self) -> str:
        """The model of a request that names none.

        Raises:
            NotFound: each request has to name a model.
            Loading: no desired state has been read yet.
        """
        if self.default_model is not None:
            return self.default_model
        if len(self.models) == 1:
            return next(iter(self.models))
        if self.nothing_yet is not None:
            raise Loading(self.nothing_yet)
        raise NoDefaultModel("exactly one loaded model or PLIMSOLL_DEFAULT_MODEL", expected=_one_of(self.models))


def routes_of(
    known: Iterable[str],
    ready: Iterable[ServedVersion],
    weights: Mapping[str, int | None],
    failed: frozenset[str] = frozenset(),
    stuck: frozenset[str] = frozenset(),
) -> ModelRoutes:
    """The routes of one model.

    Without weights the highest ready version gets every request that pins no version. With weights, the ready versions
    share the requests in proportion; if their weights are all 0, the highest gets every request.
    """
    answering = tuple(sorted(ready, key=lambda served: version_order(served.version)))
    stated = [float(weights.get(served.version) or 0) for served in answering]
    if answering and not any(stated):
        stated[-1] = 1.0
    return ModelRoutes(tuple(sorted(known, key=version_order)), answering, tuple(stated), failed, stuck)


def _one_of(names: Iterable[str]) -> str:
    return "one of: " + (", ".join(names) or "none is loaded")
