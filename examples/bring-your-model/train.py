"""Train the linear model on a thousand digits, and write what a bundle is made of: weights and example rows."""

from pathlib import Path

import numpy as np
import torch
from ourmodels import linear
from safetensors.torch import save

DIGITS = Path(__file__).parents[2] / "training" / "digits-heldout.npz"

with np.load(DIGITS, allow_pickle=False) as archive:
    pixels = torch.from_numpy(archive["pixels"]).float() / 255
    labels = torch.from_numpy(archive["labels"]).long()
torch.manual_seed(0)
order = torch.randperm(len(pixels))  # the file has them sorted by class
pixels, labels = pixels[order], labels[order]
model = linear(pixels=784, classes=10)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(100):
    optimizer.zero_grad()
    torch.nn.functional.nll_loss(torch.log(model(pixels[:800])), labels[:800]).backward()
    optimizer.step()
right = (model(pixels[800:]).argmax(dim=1) == labels[800:]).float().mean().item()
print(f"right on the 200 digits it has not seen: {right:.1%}")
Path("weights.safetensors").write_bytes(save(model.state_dict()))
np.save("example.npy", pixels[800:820].numpy())
