#!/usr/bin/env bash
# A kind cluster with an image of ours, the Prometheus operator, a Prometheus, and a release that it watches. Run again, it
# brings a new image there. Needs docker, kind, kubectl and helm.
#
#   k8s/kind-up.sh IMAGE
set -euo pipefail
image=${1:?the name of an image that docker has, such as plimsoll:cpu}
cd "$(dirname "$0")/.."
operator=https://github.com/prometheus-operator/prometheus-operator/releases/download/v0.85.0/bundle.yaml

for program in docker kind kubectl helm; do
  command -v "$program" >/dev/null || { echo "this needs $program on PATH" >&2; exit 1; }
done

case $image in *:*) ;; *) echo "the image needs a tag: $image:latest" >&2; exit 1 ;; esac

kind get clusters | grep -qx plimsoll || kind create cluster --config k8s/kind-cluster.yaml
kind load docker-image "$image" --name plimsoll
kubectl config use-context kind-plimsoll
kubectl apply --server-side --filename "$operator"
kubectl rollout status deployment/prometheus-operator --timeout 180s
kubectl apply --filename k8s/kind-prometheus.yaml

helm upgrade --install plimsoll charts/plimsoll --wait \
  --set image.repository="${image%:*}" --set-string image.tag="${image##*:}" \
  --set monitoring.podMonitor.enabled=true --set monitoring.rules.enabled=true
kubectl rollout restart deployment/plimsoll-stable # a new image of the same name
kubectl rollout status deployment/plimsoll-stable
helm test plimsoll
echo "Prometheus: kubectl port-forward prometheus-plimsoll-0 9090, then http://127.0.0.1:9090"
