#!/usr/bin/env bash
# Renders the chart with its defaults and with every example, and has checkov look at that and at k8s/base.
#
#   ops/checkov/scan.sh CHECKOV FOLDER     the program, and where the renders go
set -euo pipefail
checkov=${1:?the program, such as build/checkov/bin/checkov} folder=${2:?a folder for the renders}
command -v helm >/dev/null || { echo "this needs helm on PATH" >&2; exit 1; }

rm -rf "$folder"
mkdir -p "$folder"
for values in charts/plimsoll/values.yaml charts/plimsoll/values-{gpu,prod}.yaml charts/plimsoll/ci/*-values.yaml; do
  helm template plimsoll charts/plimsoll --namespace serving --kube-version 1.37 \
    --values "$values" --values ops/checkov/test-pod.yaml >"$folder/$(basename "$values")"
done
cp k8s/base/plimsoll.yaml "$folder/base.yaml"
"$checkov" --config-file ops/checkov/checkov.yaml --directory "$folder"
echo "nothing found but what ops/checkov excuses, in $(find "$folder" -name '*.yaml' | wc -l) renders"
