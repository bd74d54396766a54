"""Train on four of five penguins. The task reads the rows of the training, as it reads those of clients later."""

import csv
from pathlib import Path

import numpy as np
import torch
from penguins import Classifier, Penguins
from plimsoll.own_task import Setup
from safetensors.torch import save

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
COUNTED = ("bill_length_mm", "bill_depth_mm", "body_mass_g")

with Path("penguins.csv").open() as file:
    table = [row for row in csv.DictReader(file) if "NA" not in row.values()]
read = Penguins(Setup()).read
rows = [read({**row, **{name: float(row[name]) for name in COUNTED}})["input"] for row in table]
inputs = torch.tensor(rows, dtype=torch.float32)
species = torch.tensor([SPECIES.index(row["species"]) for row in table])
unseen = torch.arange(len(table)) % 5 == 0
torch.manual_seed(0)
model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    torch.nn.functional.nll_loss(torch.log(model(inputs[~unseen])), species[~unseen]).backward()
    optimizer.step()
right = (model(inputs[unseen]).argmax(dim=1) == species[unseen]).float().mean().item()
print(f"right on the {int(unseen.sum())} penguins it has not seen: {right:.1%}")
Path("weights.safetensors").write_bytes(save(model.state_dict()))
np.save("example.npy", inputs[unseen][:20].numpy())
