"""Two models in a row: the first reduces a picture to 40 numbers, the second knows digits by these numbers."""

import numpy as np
from plimsoll.own_task import InvalidRow, OwnTask
from torch import Tensor, nn, softmax

SIDE = 28
LEVEL = {"type": "integer", "minimum": 0, "maximum": 255}
LINE = {"type": "array", "minItems": SIDE, "maxItems": SIDE, "items": LEVEL}


class Pictures(OwnTask):
    """Reads a picture as rows of grey levels, and writes the likeliest digits."""

    item = "picture"
    row_schema = {"type": "array", "minItems": SIDE, "maxItems": SIDE, "items": LINE}
    result_schema = {"type": "object", "properties": {"digit": {"type": "integer"}, "others": {"type": "object"}}}

    def read(self, row):
        """Grey levels from 0 to 1."""
        if [len(line) for line in row if isinstance(line, list)] != [SIDE] * SIDE or len(row) != SIDE:
            raise InvalidRow("the picture has another size", expected=f"{SIDE} arrays of {SIDE} grey levels")
        if not all(type(level) is int and 0 <= level <= 255 for line in row for level in line):
            raise InvalidRow("a grey level is wrong", expected="whole numbers from 0 to 255")
        return {"input": np.array(row, np.float32).reshape(-1) / 255}

    def write(self, outputs):
        """The digit, and the others that are likely enough."""
        chances = outputs["output"]
        at_least = self.setup.options.get("at_least", 0.01)
        others = {str(digit): chances[digit] for digit in range(10) if chances[digit] >= at_least}
        best = int(chances.argmax())
        others.pop(str(best), None)
        return {"digit": best, "others": others}


class Both(nn.Module):
    """The two models in one module, so that a picture passes through both in one run."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(SIDE * SIDE, parts)
        self.classify = nn.Sequential(nn.Linear(parts, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities, shape [rows, 10]."""
        return softmax(self.classify(self.reduce(pixels)), dim=-1)
