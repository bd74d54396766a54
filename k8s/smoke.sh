#!/usr/bin/env bash
# Installs the chart on the cluster of KUBECONFIG, in a namespace of its own, has it tested, asks it for a prediction, and
# removes both again: about a minute, two at most. Needs kubectl, helm and curl, and an image that the nodes have or can pull.
#
#   k8s/smoke.sh IMAGE TAG [ARGUMENT OF HELM INSTALL ...]     such as --set podSecurity.fsGroup=null
set -euo pipefail
image=${1:?the name of an image, such as plimsoll or registry.example/plimsoll} tag=${2:?its tag, such as cpu}
shift 2
cd "$(dirname "$0")/.."
namespace=plimsoll-smoke-$(date +%s)-$$
asked_for='' created='' forwarding='' forward_log='' advice=''
# By when, in seconds, each must have ended, so that what fails last still leaves time to look and to remove: 120 in all.
by_install=65 by_test=80 by_uninstall=95 by_end=120

# $1 is what happens now, $2 what to do if it fails.
step() {
  advice=$2
  printf '%3s s  %s\n' "$SECONDS" "$1"
}

# What is left until $1.
left() { echo "$((SECONDS < $1 ? $1 - SECONDS : 1))s"; }

k() { kubectl --namespace "$namespace" --request-timeout 3s "$@"; }

# Why the pod does not become ready, by what Kubernetes says of it.
look_at_the_pod() {
  local said
  said=$(k get pods --output jsonpath='{..state.waiting.reason} {..conditions[*].reason}' || true)
  case $said in
    *ErrImage* | *ImagePull* | *InvalidImageName*)
      advice="the nodes cannot get $image:$tag. Load it onto them (kind load docker-image $image:$tag), or push it and say IMAGE=registry/name TAG=…" ;;
    *ContainerCreating*) advice="a node is still pulling $image:$tag, or lacks a volume; the events below say which. Pull the image first, and try again" ;;
    *Unschedulable*) advice="no node takes the pod; it asks for 250m of CPU and 384Mi unless SMOKE_VALUES says else. The events below say what is short" ;;
    *CrashLoopBackOff* | *ContainersNotReady*) advice="the container starts and does not become ready; its log below says which check failed" ;;
    *) advice="Kubernetes made no pod, or it is slow; the events below say why. A quota or an admission policy is the usual cause: give the values that it asks for in SMOKE_VALUES" ;;
  esac
}

show() {
  k get pods --output wide || true
  k get events --sort-by .lastTimestamp | tail -n 8 || true
  k logs --selector app.kubernetes.io/instance=plimsoll --tail 15 || true
}

remove() {
  echo "     removing namespace $namespace"
  kubectl delete namespace "$namespace" --ignore-not-found --wait=false --request-timeout 3s >/dev/null &&
    kubectl wait "namespace/$namespace" --for delete --timeout "$(left "$by_end")" >/dev/null
}

finish() {
  local code=${1:-$?}
  trap '' INT TERM
  trap - EXIT
  [ -z "$forwarding" ] || kill "$forwarding" 2>/dev/null || true
  [ -z "$forward_log" ] || rm -f "$forward_log"
  if [ "$code" = 130 ] || [ "$code" = 143 ]; then
    printf '\ninterrupted after %s s\n' "$SECONDS" >&2
  elif [ "$code" -ne 0 ]; then
    printf '\nfailed after %s s. What to do: %s\n\n' "$SECONDS" "$advice"
    [ -z "$created" ] || show
  fi >&2
  if [ -n "$asked_for" ]; then
    remove || echo "it may still be there; look with: kubectl get namespace $namespace" >&2
  fi
  exit "$code"
}
# A signal calls it too, instead of an exit: make passes on the signal that the shell has had already, and the second one
# must not end the removal that the first one began.
trap finish EXIT
trap 'finish 130' INT
trap 'finish 143' TERM

for program in kubectl helm curl; do
  advice="install $program, or put it on PATH"
  command -v "$program" >/dev/null
done

step "is there a cluster?" "set KUBECONFIG to the file of a cluster that answers; kubectl version says what is wrong"
kubectl version --request-timeout 5s >/dev/null

step "namespace $namespace" "take an account that may create namespaces; kubectl auth can-i create namespaces"
asked_for=yes # before it is there: whoever interrupts kubectl does not know whether the cluster has made it
kubectl create namespace "$namespace" --request-timeout 3s >/dev/null
created=yes
kubectl label namespace "$namespace" --request-timeout 3s pod-security.kubernetes.io/enforce=restricted >/dev/null

step "install $image:$tag" "look at what helm says above"
helm install plimsoll charts/plimsoll --namespace "$namespace" --wait --timeout "$(left "$by_install")" \
  --set image.repository="$image" --set-string image.tag="$tag" "$@" >/dev/null || { look_at_the_pod; false; }

step "helm test" "the pod is ready, and the Service did not answer from a pod beside it: look at DNS, kube-proxy and the network policy"
helm test plimsoll --namespace "$namespace" --timeout "$(left "$by_test")" >/dev/null

step "one prediction" "the pod is ready, and kubectl port-forward did not reach it: your account needs pods/portforward"
forward_log=$(mktemp)
# Not by k, which would be a shell in between: its end would leave kubectl behind.
kubectl --namespace "$namespace" port-forward service/plimsoll :8000 >"$forward_log" 2>&1 &
forwarding=$!
for _ in $(seq 25); do
  port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$forward_log")
  [ -z "$port" ] || break
  sleep 0.2
done
answer=$(curl -sS --max-time 5 "http://127.0.0.1:${port:-0}/v1/predict" -H "Content-Type: application/json" -d @examples/digits/7.json)
advice="the model answers, and not what it must; is it the image of this chart's version? $answer"
[[ $answer == *'"class":7'* ]]
printf '       %s\n' "${answer:0:100}…"

step "uninstall" "helm could not remove what it made; helm -n $namespace status plimsoll says what is left"
helm uninstall plimsoll --namespace "$namespace" --wait --timeout "$(left "$by_uninstall")" >/dev/null
step "done: installed, tested, asked and removed" ""
