"""A table with text categories and log scaling: which species is this penguin?"""

from math import log

from plimsoll.own_task import InvalidRow, OwnTask, number, text
from torch import Tensor, nn, softmax

ISLANDS = ("Biscoe", "Dream", "Torgersen")
SEXES = ("female", "male")


class Penguins(OwnTask):
    """Reads the measurements of one penguin, and writes the species with its probability."""

    item = "penguin"
    row_schema = {
        "type": "object",
        "properties": {
            "island": {"enum": list(ISLANDS)},
            "sex": {"enum": list(SEXES)},
            "bill_length_mm": {"type": "number", "exclusiveMinimum": 0},
            "bill_depth_mm": {"type": "number", "exclusiveMinimum": 0},
            "body_mass_g": {"type": "number", "minimum": 100, "maximum": 50000},
        },
        "required": ["island", "sex", "bill_length_mm", "bill_depth_mm", "body_mass_g"],
    }
    result_schema = {"type": "object", "properties": {"species": {"type": "string"}, "probability": {"type": "number"}}}
    metric_names = ("kilograms",)

    def read(self, row):
        """Eight numbers: one for each island and sex, the bill, and the logarithm of the mass."""
        mass = number(row, "body_mass_g", minimum=0, maximum=50_000)
        if mass < 100:
            self.setup.metrics.count("kilograms")
            raise InvalidRow("the body mass looks like kilograms", expected="grams, such as 4200", given=f"{mass:g}")
        island, sex = text(row, "island", choices=ISLANDS), text(row, "sex", choices=SEXES)
        bill = [number(row, name, minimum=1, maximum=200) / 10 for name in ("bill_length_mm", "bill_depth_mm")]
        return {"input": [*(island == each for each in ISLANDS), *(sex == each for each in SEXES), *bill, log(mass)]}

    def write(self, outputs):
        """The species of the highest probability."""
        best = outputs["output"].argmax()
        return {"species": self.setup.labels["output"][best], "probability": round(float(outputs["output"][best]), 4)}


class Classifier(nn.Module):
    """Eight numbers to the probabilities of three species."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities, shape [rows, 3]."""
        return softmax(self.layer(rows), dim=-1)
