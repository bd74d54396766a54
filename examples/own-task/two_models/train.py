"""Fit the first model (principal components) and train the second on its numbers; write weights and example rows."""

from pathlib import Path

import numpy as np
import torch
from pictures import Both
from safetensors.torch import save

DIGITS = Path(__file__).parents[3] / "training" / "digits-heldout.npz"
PARTS = 40

with np.load(DIGITS, allow_pickle=False) as archive:
    pixels = torch.from_numpy(archive["pixels"]).float() / 255
    labels = torch.from_numpy(archive["labels"]).long()
torch.manual_seed(0)
order = torch.randperm(len(pixels))  # the file has them sorted by class
pixels, labels = pixels[order], labels[order]
model = Both(PARTS)
mean = pixels[:800].mean(dim=0)
_, _, components = torch.linalg.svd(pixels[:800] - mean, full_matrices=False)
with torch.no_grad():
    model.reduce.weight.copy_(components[:PARTS])
    model.reduce.bias.copy_(-components[:PARTS] @ mean)
    reduced = model.reduce(pixels)
optimizer = torch.optim.Adam(model.classify.parameters(), lr=0.005, weight_decay=1e-4)
for _ in range(120):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model.classify(reduced[:800]), labels[:800]).backward()
    optimizer.step()
right = (model(pixels[800:]).argmax(dim=1) == labels[800:]).float().mean().item()
print(f"right on the 200 digits it has not seen: {right:.1%}")
Path("weights.safetensors").write_bytes(save(model.state_dict()))
np.save("example.npy", pixels[800:820].numpy())
