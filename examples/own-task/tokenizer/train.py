"""Make the vocabulary, train on four of five names, and write weights, example rows, and arguments of the bundle."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from names import BagOfPieces, Names, pieces
from plimsoll.own_task import Setup
from safetensors.torch import save
from trove_classifiers import sorted_classifiers

KINDS = ("Framework", "License", "Natural Language", "Operating System", "Programming Language", "Topic")

named = [(parts[-1], parts[0]) for parts in (each.split(" :: ") for each in sorted_classifiers)]
named = [(name, KINDS.index(kind)) for name, kind in named if kind in KINDS]
counts = Counter(piece for name, _ in named for piece in pieces(name))
vocabulary = ["<padding>", "<unknown>", *sorted(piece for piece, count in counts.items() if count > 1)]
content = "\n".join(vocabulary).encode()
Path("vocabulary.txt").write_bytes(content)
read = Names(Setup(read_file=lambda _: content)).read
numbers = torch.tensor([read(name)["input"] for name, _ in named])
kinds = torch.tensor([kind for _, kind in named])
torch.manual_seed(0)
unseen = torch.randperm(len(named)) < len(named) // 5
model = BagOfPieces(len(vocabulary), len(KINDS))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(100):
    optimizer.zero_grad()
    torch.nn.functional.nll_loss(torch.log(model(numbers[~unseen])), kinds[~unseen]).backward()
    optimizer.step()
right = (model(numbers[unseen]).argmax(dim=1) == kinds[unseen]).float().mean().item()
print(f"right on the {int(unseen.sum())} names it has not seen: {right:.1%}")
Path("weights.safetensors").write_bytes(save(model.state_dict()))
np.save("example.npy", numbers[unseen][:20].numpy())
Path("labels.json").write_text(json.dumps(KINDS))
Path("parameters.json").write_text(json.dumps({"pieces": len(vocabulary), "kinds": len(KINDS)}))
