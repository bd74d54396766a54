"""A tokenizer with a vocabulary file in the bundle: is this text a licence, a language, a framework...?"""

from plimsoll.own_task import InvalidRow, OwnTask
from torch import Tensor, nn, softmax

LENGTH = 64
PADDING, UNKNOWN = 0, 1


def pieces(words):
    """The pieces of three characters of a text, with a mark at each end of it."""
    marked = f"^{' '.join(words.lower().split())}$"
    return [marked[at : at + 3] for at in range(len(marked) - 2)]


class Names(OwnTask):
    """Reads a text into the numbers of its pieces, and writes the kind of thing that it names."""

    item = "text"
    row_schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "\\S"}
    result_schema = {"type": "object", "properties": {"kind": {"type": "string"}, "probability": {"type": "number"}}}
    metric_names = ("unknown_pieces",)

    def __init__(self, setup):
        super().__init__(setup)
        vocabulary = setup.read_file("vocabulary.txt").decode().splitlines()
        self.numbers = {piece: number for number, piece in enumerate(vocabulary)}

    def read(self, row):
        """The numbers of the first 64 pieces; shorter texts are padded."""
        if not row.strip() or len(row) > 200:
            raise InvalidRow("the text has the wrong length", expected="1 to 200 characters", given=f"{len(row)}")
        numbers = [self.numbers.get(piece, UNKNOWN) for piece in pieces(row)][:LENGTH]
        if UNKNOWN in numbers:
            self.setup.metrics.count("unknown_pieces")
        return {"input": numbers + [PADDING] * (LENGTH - len(numbers))}

    def write(self, outputs):
        """The likeliest kind."""
        best = outputs["output"].argmax()
        return {"kind": self.setup.labels["output"][best], "probability": outputs["output"][best]}


class BagOfPieces(nn.Module):
    """The mean of the vectors of all pieces, and one layer."""

    def __init__(self, pieces: int, kinds: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(pieces, 32, mode="mean", padding_idx=PADDING)
        self.layer = nn.Linear(32, kinds)

    def forward(self, numbers: Tensor) -> Tensor:
        """Probabilities, shape [rows, kinds]."""
        return softmax(self.layer(self.bag(numbers)), dim=-1)
