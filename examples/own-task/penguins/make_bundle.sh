#!/bin/bash
# Trains the model, makes a bundle of it, and gives it the task: models/penguins/2.
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
python train.py
plimsoll bundle create --name penguins --version 1 --task tensors --factory penguins:Classifier \
  --weights weights.safetensors --example example.npy --labels '["Adelie", "Chinstrap", "Gentoo"]'
plimsoll bundle add-task models/penguins/1 --version 2 --task penguins:Penguins --requests requests.json \
  --trust-factory penguins:Classifier
