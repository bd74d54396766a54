"""Writes a tuned bundle, and the findings of its tuning: in its manifest, and all of them in a file of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.bundle.creation import write_bundle
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.next_version import fields_in_its_words
from plimsoll.errors import BundleError
from plimsoll.runtime.tuning.candidates import LEAST_SPEED, Candidate
from plimsoll.runtime.tuning.evaluation import Evaluation, Figure
from plimsoll.runtime.tuning.processor import name_of_processor
from plimsoll.runtime.tuning.tuner import Rule, Tuning

FINDINGS_FILE = "tuning.json"
_ACCURACY_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Occasion:
    """The circumstances of a tuning: `file` and its `sha256` are those of the evaluation, and empty without one."""

    threads: int
    file: str = ""
    sha256: str = ""


def check_untuned(bundle: Bundle) -> None:
    """Refuse a bundle that a tuning has made.

    Raises:
        BundleError: with check `files`.
    """
    if FINDINGS_FILE in bundle.manifest.files:
        raise BundleError(
            "files",
            f"{bundle.manifest.name} {bundle.manifest.version} was tuned already; tune the version that it was made "
            f"of, which its {FINDINGS_FILE} names",
        )


def findings(
    bundle: Bundle, tuning: Tuning, rule: Rule, evaluation: Evaluation | None, occasion: Occasion
) -> dict[str, Any]:
    """All findings of a tuning, as a JSON document."""
    truth = None if evaluation is None else evaluation.truth
    return {
        "model": bundle.manifest.name,
        "tuned_from": bundle.manifest.version,
        "digest": bundle.digest,
        "processor": name_of_processor(),
        "threads": occasion.threads,
        "evaluation": None
        if evaluation is None
        else {
            "file": occasion.file, "sha256": occasion.sha256, "rows": evaluation.rows,
            "measure": None if truth is None else truth.measure,
        },
        "allowed_loss": rule.allowed_loss,
        "least_speed": LEAST_SPEED,
        "turns": rule.turns,
        "candidates": [_candidate(each) for each in tuning.candidates],
        "chosen": None if tuning.chosen is None else tuning.chosen.name,
    }  # fmt: skip


def write_tuned(folder: Path, bundle: Bundle, tuning: Tuning, document: Mapping[str, Any]) -> Bundle | None:
    """Write the chosen candidate as `<folder>/<name>/<version>`; `None` if the present bundle is kept.

    Raises:
        BundleError: with check `files`, when the version exists or cannot be written.
    """
    chosen = tuning.chosen
    if chosen is None or chosen.draft is None:
        return None
    draft = chosen.draft
    fields = fields_in_its_words(draft)
    fields["golden"] = _golden(bundle, chosen)
    # Figures of the model as it was do not hold for one that answers otherwise.
    kept = {} if chosen.rounded else fields.get("metrics", {})
    fields["metrics"] = {**kept, **_metrics(bundle, chosen, document)}
    files = {name: draft.read(name) for name in draft.manifest.files}
    files[FINDINGS_FILE] = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    return write_bundle(folder, fields, files)


def threads_of(document: Mapping[str, Any]) -> str:
    """The threads and the processor of some findings, in words."""
    threads: int = document["threads"]
    return f"{threads} thread{'' if threads == 1 else 's'} of {document['processor']}"


def _golden(bundle: Bundle, chosen: Candidate) -> dict[str, Any]:
    """The golden tolerances of a chosen candidate.

    One that answers otherwise gets a wider one: the largest difference of its golden answers from those of the present
    bundle. A processor with other instructions rounds elsewhere, by differences of that size.
    """
    golden = bundle.manifest.golden
    fields = golden.model_dump(mode="json", exclude_none=True)
    if chosen.rounded and chosen.golden_difference > golden.absolute_tolerance:
        fields["absolute_tolerance"] = _rounded_up(chosen.golden_difference)
    return fields


def _rounded_up(number: float) -> float:
    """The next number of two digits."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.ceil(number / unit) * unit:.1e}")


def _metrics(bundle: Bundle, chosen: Candidate, document: Mapping[str, Any]) -> dict[str, Any]:
    before = f"{bundle.manifest.name} {bundle.manifest.version}"
    threads = threads_of(document)
    metrics: dict[str, Any] = {}
    for rows, speed in chosen.speeds.items():
        metrics[f"speed at {rows} row{'' if rows == 1 else 's'}"] = {
            "value": round(speed.median, 2), "low": round(speed.low, 2), "high": round(speed.high, 2), "rows": rows,
            "method": f"times as fast as {before}; medians of {document['turns']} turns and quartiles, {threads}",
        }  # fmt: skip
    compared, evaluation = chosen.comparison, document["evaluation"]
    if compared is not None and evaluation is not None:
        rows, file = evaluation["rows"], evaluation["file"]
        metrics[f"agreement with {before}"] = _metric(
            compared.agreement, rows, f"share of the rows of {file} that are answered alike; Wilson, 95 %"
        )
        if compared.quality is not None:
            metrics[evaluation["measure"]] = _metric(compared.quality, rows, f"rows of {file}; interval of 95 %")
    return metrics


def _metric(figure: Figure, rows: int, method: str) -> dict[str, Any]:
    return {**_figure(figure), "rows": rows, "method": method}


def _figure(figure: Figure) -> dict[str, float]:
    return {name: round(value, _ACCURACY_DIGITS) for name, value in figure._asdict().items()}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    compared = candidate.comparison
    found: dict[str, Any] = {
        "name": candidate.name,
        "standing": candidate.standing,
        "reason": candidate.reason,
        "speed": round(candidate.speed, 3) if candidate.speeds else None,
        "batches": [
            {"rows": rows, "microseconds": _rounded(times._asdict(), 1),
             "speed": _rounded(candidate.speeds[rows]._asdict(), 3)}
            for rows, times in candidate.times.items()
        ],
    }  # fmt: skip
    if compared is not None:
        found["agreement"] = _figure(compared.agreement)
        found["largest_difference"] = compared.difference if math.isfinite(compared.difference) else None
        found["quality"] = None if compared.quality is None else _figure(compared.quality)
        found["loss"] = (
            None if compared.loss is None or not math.isfinite(compared.loss.value) else compared.loss._asdict()
        )
    return found


def _rounded(values: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}
