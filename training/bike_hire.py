"""Train both versions of bike-hire, measure them and write them out: `python -m training.bike_hire`.

Version 1 has never seen the last fifth of the days, and version 2 a fifth of the hours drawn at random.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.bootstrap import figure_of, mean_error, r_squared
from training.packages import DataError, Wheel, read_member
from training.table_bundle import TableModel, numbers_of, publish
from training.table_network import MeanAndEnds, TableNetwork, TableRecipe, answers, fit, quantile_loss

HERE = Path(__file__).parent
HELD_OUT_FILE = HERE / "heldout" / "bike-hire.json.gz"
WHEEL = Wheel("ISLP", "0.6.0", "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b")
LEVEL = 0.9
TARGETS = ("hires", "hires_low", "hires_high")
RECIPE = TableRecipe(hidden=64, dropout=0.1, weight_decay=0.01, epochs=60)
GOLDEN_ROWS = 32
_SEASONS = ("winter", "spring", "summer", "autumn")
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_WEATHER = ("clear", "cloudy/misty", "light rain/snow", "heavy rain/snow")
_YES_NO = ("no", "yes")
COLUMNS: list[dict[str, Any]] = [
    {"name": "season", "kind": "category", "values": [*_SEASONS], "description": "Season of the year."},
    {"name": "hour", "kind": "category", "values": [*range(24)], "description": "Hour of the day, 8 from 8:00 on."},
    {"name": "holiday", "kind": "category", "values": [*_YES_NO], "missing": "no", "description": "A public holiday."},
    {"name": "weekday", "kind": "category", "values": [*_DAYS], "description": "Day of the week."},
    {"name": "workingday", "kind": "category", "values": [*_YES_NO], "description": "Neither weekend nor holiday."},
    {"name": "weather", "kind": "category", "values": [*_WEATHER], "missing": "clear", "description": "The sky."},
    {"name": "temperature", "kind": "number", "minimum": -20, "maximum": 50, "unit": "°C", "description": "Air."},
    {
        "name": "feels_like", "kind": "number", "minimum": -30, "maximum": 60, "unit": "°C",
        "description": "Temperature as it feels.",
    },
    {"name": "humidity", "kind": "number", "minimum": 0, "maximum": 100, "unit": "%", "missing": 64, "description": ""},
    {"name": "wind", "kind": "number", "minimum": 0, "maximum": 120, "unit": "km/h", "missing": 13, "description": ""},
]  # fmt: skip
OPTIONS = {
    "columns": COLUMNS,
    "targets": {
        "hires": {
            "unit": "hires in the hour", "description": "Bikes hired, by members and others together.",
            "interval": {"low": "hires_low", "high": "hires_high", "level": LEVEL},
        }
    },
}  # fmt: skip
_ABOUT = (
    "Bikes hired in one hour from the stations of a city, by season, hour, day and weather, with an interval. It knows "
    "one city in one year (Washington, D.C., 2011): it is not good for another city, for a later year, which has more "
    "hires, for a single station, or for weather and events that the year did not have. {split} The interval is the "
    "model's own; its measured coverage is among the metrics."
)
_SPLITS = {
    "1": "It was trained on the first four fifths of the days and measured on the last fifth, as a forecast would be.",
    "2": "It was trained on four fifths of the hours, drawn at random, and measured on the others, whose neighbouring "
    "hours it has seen; version 1 shows what it is worth on days to come.",
}


def main() -> None:
    """Train, measure and write both versions, and the rows that they have not seen."""
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 -- torch takes it by position only
    torch.set_num_threads(1)
    hours = load_hours(HERE / "data")
    held_out = {"1": later_days(hours), "2": random_hours(hours)}
    keep_held_out({version: [hours[at] for at in sorted(rows)] for version, rows in held_out.items()})
    for version, rows in held_out.items():
        release(version, [each for at, each in enumerate(hours) if at not in rows], [hours[at] for at in sorted(rows)])


def load_hours(folder: Path) -> list[dict[str, Any]]:
    """The hours of the data set in its order: the columns, and the number of hires.

    The data set has the weather scaled to 0 to 1; the ranges are those that its makers name (Fanaee-T and Gama 2013).
    """
    text = read_member(WHEEL, "ISLP/data/Bikeshare.csv", folder).decode()
    return [
        {
            "season": _SEASONS[int(line["season"]) - 1],
            "hour": int(line["hr"]),
            "holiday": _YES_NO[int(line["holiday"])],
            "weekday": _DAYS[int(line["weekday"])],
            "workingday": _YES_NO[int(line["workingday"])],
            "weather": line["weathersit"],
            "temperature": round(float(line["temp"]) * 47 - 8, 2),
            "feels_like": round(float(line["atemp"]) * 66 - 16, 2),
            "humidity": round(float(line["hum"]) * 100, 1),
            "wind": round(float(line["windspeed"]) * 67, 2),
            "hires": int(line["bikers"]),
            "day": int(line["day"]),
        }
        for line in csv.DictReader(io.StringIO(text))
    ]


def later_days(hours: Sequence[Mapping[str, Any]]) -> set[int]:
    """The rows of the last fifth of the days."""
    days = sorted({hour["day"] for hour in hours})
    first = days[len(days) * 4 // 5]
    return {at for at, hour in enumerate(hours) if hour["day"] >= first}


def random_hours(hours: Sequence[Mapping[str, Any]]) -> set[int]:
    """The rows of a fifth of the hours."""
    return set(np.random.default_rng(0).permutation(len(hours))[: len(hours) // 5].tolist())


def keep_held_out(held_out: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write the held-out rows of each version, or check that those written before are the same.

    Raises:
        DataError: they are not: figures reported before would not be comparable.
    """
    if not HELD_OUT_FILE.exists():
        HELD_OUT_FILE.parent.mkdir(exist_ok=True)
        HELD_OUT_FILE.write_bytes(gzip.compress(json.dumps(held_out).encode(), mtime=0))
    if json.loads(gzip.decompress(HELD_OUT_FILE.read_bytes())) != held_out:
        raise DataError(f"{HELD_OUT_FILE} holds other rows than this code chooses")


def release(version: str, known: Sequence[Mapping[str, Any]], unseen: Sequence[Mapping[str, Any]]) -> None:
    """Train on the known hours, measure on the others, and write the bundle."""
    rows, truth = table_of(known)
    torch.manual_seed(RECIPE.seed)
    scale = float(truth.std())
    module = MeanAndEnds(TableNetwork(rows, RECIPE, len(TARGETS)), scale)
    fit(module, lambda answer, target: loss_of(answer / scale, target / scale), RECIPE, rows, truth)
    unseen_rows, unseen_truth = table_of(unseen)
    metrics = measured(unseen_truth, answers(module, unseen_rows))
    for name, metric in metrics.items():
        print(f"version {version}: {name} {metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]")
    examples = [columns_only(known[at]) for at in np.linspace(0, len(known) - 1, GOLDEN_ROWS).astype(int)]
    some = {name: value for name, value in examples[3].items() if name not in ("holiday", "weather", "wind")}
    about = {
        "description": _ABOUT.format(split=_SPLITS[version]),
        "training_data": {
            "name": "Bike Sharing (Fanaee-T and Gama 2013), 2011", "source": WHEEL.title, "rows": len(known),
            "licence": "BSD-3-Clause (the package); UCI gives the data under CC BY 4.0",
        },
        "metrics": metrics,
    }  # fmt: skip
    requests = [{"columns": examples[17]}, {"columns": {**some, "humidity": None}}, {"instances": examples[8:16]}]
    output = "hires_and_ends"
    publish(
        TableModel(
            "bike-hire", version, "tabular-regression", output, TARGETS, OPTIONS, module, examples, requests, about
        )
    )


def loss_of(answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The loss of the mean and of both ends."""
    mean, low, high = answer.unbind(dim=1)
    tail = (1 - LEVEL) / 2
    return (mean - target).square().mean() + quantile_loss(tail, low, target) + quantile_loss(1 - tail, high, target)


def measured(truth: NDArray[np.float32], answered: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """The metrics of the manifest."""
    mean, low, high = answered.T.astype(np.float64)
    inside = ((low <= truth) & (truth <= high)).astype(np.float64)
    return {
        "r2": asdict(figure_of(r_squared, truth, mean)),
        "mean absolute error": asdict(figure_of(mean_error, truth, mean)),
        f"coverage of the {LEVEL:.0%} interval": asdict(figure_of(lambda share: float(share.mean()), inside)),
    }


def table_of(hours: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows of numbers, and the hires of each."""
    hires = np.array([hour["hires"] for hour in hours], np.float32)
    return numbers_of(COLUMNS, [columns_only(hour) for hour in hours]), hires


def columns_only(hour: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an hour that a client would send."""
    return {each["name"]: hour[each["name"]] for each in COLUMNS}


if __name__ == "__main__":
    main()
