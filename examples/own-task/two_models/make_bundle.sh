#!/bin/bash
# Fits both models, makes one bundle of them, and gives it the task: models/pictures/2.
set -euo pipefail
cd "$(dirname "$0")"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
python train.py
plimsoll bundle create --name pictures --version 1 --task tensors --factory pictures:Both --parameters '{"parts": 40}' \
  --weights weights.safetensors --example example.npy --minimum 0 --maximum 1
plimsoll bundle add-task models/pictures/1 --version 2 --task pictures:Pictures --options '{"at_least": 0.05}' \
  --requests requests.json --trust-factory pictures:Both
