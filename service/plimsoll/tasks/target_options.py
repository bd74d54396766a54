"""The option `targets` of a manifest: units of the numbers that a regression answers, and intervals around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from plimsoll.bundle.record import Record
from plimsoll.errors import BundleError
from plimsoll.quoting import quote
from plimsoll.validation_faults import sentence_of

OPTION = "targets"
_Words = Annotated[str, StringConstraints(max_length=500)]


class IntervalOptions(Record):
    """The targets that are the ends of an interval, which holds the true value with the probability `level`."""

    model_config = ConfigDict(strict=True)

    low: str
    high: str
    level: Annotated[float, Field(gt=0, lt=1)]


class TargetOptions(Record):
    """The unit and the meaning of one target, and its interval if the model gives one."""

    model_config = ConfigDict(strict=True)

    unit: Annotated[str, StringConstraints(max_length=64)] = ""
    description: _Words = ""
    interval: IntervalOptions | None = None

    @property
    def words(self) -> str:
        """The description with the unit."""
        return " ".join(filter(None, (self.description, f"In {self.unit}." if self.unit else "")))


_targets: TypeAdapter[dict[str, TargetOptions]] = TypeAdapter(dict[str, TargetOptions])


def targets_from(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, TargetOptions]:
    """The targets that the options of a task describe, out of those of the signature; empty where they describe none.

    Raises:
        BundleError: with check `task`, when the option is malformed or names a target that the signature does not have.
    """
    try:
        targets = _targets.validate_python(options.get(OPTION, {}))
    except ValidationError as error:
        raise _refusal(f"is malformed: {sentence_of(error)}") from None
    intervals = {name: each.interval for name, each in targets.items() if each.interval is not None}
    ends = [end for each in intervals.values() for end in (each.low, each.high)]
    for name in (*targets, *ends):
        if name not in names:
            listed = ", ".join(map(quote, names[:8]))
            raise _refusal(f"names the target {quote(name)}, and the outputs of the model have {listed}")
    for name in ends:
        if name in intervals or ends.count(name) > 1:
            raise _refusal(f"takes {quote(name)} for the end of an interval, and it is something else as well")
    return targets


def _refusal(fault: str) -> BundleError:
    return BundleError("task", f"the option '{OPTION}' {fault}")
