"""Objects of one namespace, read and written through kubectl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from plimsoll.errors import OperatorError
from plimsoll.rollout.programs import ProgramFailed, Programs

Object = dict[str, Any]
"""One object as JSON, with `metadata.resourceVersion` once it is stored."""
Key = tuple[str, str]
"""Kind and name of an object, as kubectl takes them."""


class ClusterUnavailable(OperatorError):
    """The API server does not answer, or refuses; the sentence gives its reason."""


class Conflict(OperatorError):
    """Somebody else has changed or created the object since it was read."""


class Objects(Protocol):
    """The objects of one namespace. Every method raises `ClusterUnavailable`."""

    def get(self, kind: str, name: str) -> Object | None:
        """An object, or `None` if there is none."""
        ...

    def select(self, kind: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        """The objects with all these labels."""
        ...

    def create(self, new: Object) -> Object:
        """Store a new object.

        Raises:
            Conflict: there is one already.
        """
        ...

    def replace(self, changed: Object) -> Object:
        """Store an object in place of the one with the same resourceVersion.

        Raises:
            Conflict: the stored one is another by now, or gone.
        """
        ...

    def may(self, verb: str, kind: str) -> bool:
        """Whether the user has a right, such as `patch` of `deployments.apps`."""
        ...


class KubectlObjects:
    """The objects of a namespace, through kubectl and the user's own credentials."""

    def __init__(self, programs: Programs, namespace: str) -> None:
        self._programs = programs
        self._namespace = namespace

    def get(self, kind: str, name: str) -> Object | None:
        """As `Objects.get`."""
        return self.get_all([(kind, name)])[kind, name]

    def get_all(self, keys: Sequence[Key]) -> dict[Key, Object | None]:
        """These objects by one call, each `None` if there is none."""
        names = [f"{kind}/{name}" for kind, name in keys]
        printed = self._kubectl("get", *names, "--ignore-not-found", "--output=json")
        parsed = self._parsed(printed) if printed.strip() else {}
        items = parsed.get("items", ()) if parsed.get("kind") == "List" else [parsed] if parsed else []
        found = {(str(item["kind"]).lower(), str(item["metadata"]["name"])): item for item in items}
        return {(kind, name): found.get((kind.partition(".")[0], name)) for kind, name in keys}

    def select(self, kind: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        """As `Objects.select`."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        printed = self._kubectl("get", kind, f"--selector={selector}", "--output=json")
        return tuple(self._parsed(printed).get("items") or ())

    def create(self, new: Object) -> Object:
        """As `Objects.create`."""
        return self._parsed(self._kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(new)))

    def replace(self, changed: Object) -> Object:
        """As `Objects.replace`."""
        return self._parsed(self._kubectl("replace", "--filename=-", "--output=json", stdin=json.dumps(changed)))

    def may(self, verb: str, kind: str) -> bool:
        """As `Objects.may`."""
        try:
            return self._run("auth", "can-i", verb, kind).split()[:1] == ["yes"]
        except ProgramFailed as error:
            if error.printed.split()[:1] == ["no"]:  # and why, and warnings on standard error
                return False
            raise ClusterUnavailable(error.message) from None

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        options = (f"--namespace={self._namespace}", "--request-timeout=20s")
        return self._programs.run("kubectl", *arguments, *options, stdin=stdin, timeout_seconds=40)

    def _parsed(self, printed: str) -> Object:
        try:
            found = json.loads(printed)
        except ValueError:
            raise ClusterUnavailable("kubectl did not print JSON; expected kubectl 1.30 or later") from None
        return dict(found) if isinstance(found, Mapping) else {}

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        try:
            return self._run(*arguments, stdin=stdin)
        except ProgramFailed as error:
            if any(sign in error.said for sign in ("(Conflict)", "(AlreadyExists)", "object has been modified")):
                raise Conflict(error.message) from None
            if "(NotFound)" in error.said and arguments[0] == "replace":
                raise Conflict(error.message) from None
            if "(Forbidden)" in error.said:
                raise ClusterUnavailable(
                    f"you have no right to do this: {error.message}; ask for a Role with it in {self._namespace}"
                ) from None
            raise ClusterUnavailable(error.message) from None
