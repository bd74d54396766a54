#!/bin/bash
# Makes the vocabulary and the model, a bundle of them, and gives it the task: models/names/2.
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
python train.py
plimsoll bundle create --name names --version 1 --task tensors --factory names:BagOfPieces \
  --parameters "$(cat parameters.json)" --weights weights.safetensors --example example.npy --labels "$(cat labels.json)" \
  --minimum 0 --maximum "$(($(wc -l < vocabulary.txt)))"
plimsoll bundle add-task models/names/1 --version 2 --task names:Names --file vocabulary.txt --requests requests.json \
  --trust-factory names:BagOfPieces
