#!/usr/bin/env bash
# Writes the lock files beside this script. Needs uv and pip, and PyTorch's CPU wheels:
#
#   TORCH_WHEELS=DIRECTORY_OR_PAGE requirements/lock.sh             keep today's pins where pyproject.toml still allows them
#   TORCH_WHEELS=DIRECTORY_OR_PAGE requirements/lock.sh --upgrade   take the newest releases that pyproject.toml allows
#
# Everything is resolved once, for Python 3.11 and later on every platform; each file is then a part of that one resolution,
# closed under its dependencies, so that pip takes any of them alone or several together.
set -euo pipefail
: "${TORCH_WHEELS:?a folder, or a page of links, with the CPU wheels of PyTorch}"
torch=2.13.0
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Extras stay in the names: pip 23 looks for `coverage[toml]` apart from a pinned `coverage`, and takes the newest, without a hash.
lock() { # OUTPUT INPUT... [OPTIONS]: one hashed lock file without index addresses
  local output=$1; shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
    --no-strip-extras --output-file "$output" "$@" >/dev/null
}
declared() { # PATH.TO.KEY of pyproject.toml: a list of requirements, without torch
  python3 -c 'import sys, tomllib
found = tomllib.load(open("pyproject.toml", "rb"))
for key in sys.argv[1].split("."): found = found[key]
print(*(line for line in found if not line.startswith("torch")), sep="\n")' "$1"
}
apple_hash() { # PYTHON: the sha256 of PyPI's wheel for Macs, which is a CPU build too (read from the index, nothing is downloaded)
  python3 -m pip install --quiet --dry-run --ignore-installed --no-deps --only-binary :all: --platform macosx_14_0_arm64 \
    --python-version "$1" --target "$work/none" --report "$work/report.json" "torch==$torch" 2>/dev/null
  python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["install"][0]["download_info"]["archive_info"]["hashes"]["sha256"])' "$work/report.json"
}
explain() { # FILE LINE...: a comment on top of a lock file, saying what it is
  local file=$1; shift
  { printf '# %s\n' "$@" "Written by requirements/lock.sh; not edited by hand."; cat "$file"; } >"$work/explained"
  cp "$work/explained" "$file"
}

# The one resolution, with torch's CPU build. Pins of an earlier run are preferences.
{ declared build-system.requires; echo editables; } >"$work/build.in" # hatchling asks for it in editable installs
declared project.dependencies >"$work/service.in"
declared project.optional-dependencies.onnx >"$work/onnx.in"
declared project.optional-dependencies.grpc >"$work/grpc.in"
declared project.optional-dependencies.hf >"$work/hf.in"
declared project.optional-dependencies.tasks >"$work/tasks.in"
declared dependency-groups.compile >"$work/compile.in"
declared project.optional-dependencies.dev | grep '^cyclonedx-bom' >"$work/sbom.in"
echo "torch==$torch+cpu" >"$work/torch-cpu.in"
echo "torch==$torch" >"$work/torch-cuda.in"
cat requirements/{build,compile,service,onnx,grpc,hf,tasks,sbom,dev}.txt >"$work/all.txt" 2>/dev/null || true
lock "$work/all.txt" pyproject.toml --extra dev --extra onnx --extra grpc --extra export --extra hf --extra tasks "$work/torch-cpu.in" "$work/build.in" "$work/compile.in" --find-links "$TORCH_WHEELS" "$@"
awk '/^[^ #]/ {torch = /^torch==/} !torch' "$work/all.txt" >"$work/pins.txt"

lock requirements/build.txt "$work/build.in" --constraints "$work/pins.txt"
lock requirements/compile.txt "$work/compile.in" --constraints "$work/pins.txt"
lock requirements/service.txt "$work/service.in" --constraints "$work/pins.txt"
lock requirements/onnx.txt "$work/onnx.in" --constraints "$work/pins.txt"
lock requirements/grpc.txt "$work/grpc.in" --constraints "$work/pins.txt"
lock requirements/hf.txt "$work/hf.in" --constraints "$work/pins.txt"
# The tokenizers ask for the client of Hugging Face's hub, which only their download of a vocabulary imports; it would add 25 MB.
echo "huggingface-hub; python_version < '0'" >"$work/tasks-overrides.txt"
lock requirements/tasks.txt "$work/tasks.in" --constraints "$work/pins.txt" --override "$work/tasks-overrides.txt"
lock requirements/sbom.txt "$work/sbom.in" --constraints "$work/pins.txt"
lock requirements/dev.txt pyproject.toml --extra dev --extra onnx --extra grpc --extra export --no-emit-package torch \
  --constraints "$work/pins.txt" --constraints "$work/torch-cpu.in" --find-links "$TORCH_WHEELS"
lock requirements/torch-cpu.txt "$work/torch-cpu.in" --constraints "$work/pins.txt" --find-links "$TORCH_WHEELS"
lock requirements/torch-cuda.txt "$work/torch-cuda.in" --constraints "$work/pins.txt"

# A resolution of its own, for the environment of the clients. MLServer's server pins fastapi<0.116, kserve needs a newer one,
# and `mlserver infer` runs with either. The other overrides leave out large packages that no client imports.
declared dependency-groups.clients >"$work/clients.in"
cat >"$work/clients-overrides.txt" <<'OVERRIDES'
fastapi>=0.115.3,<1
cryptography; python_version < '0'
grpcio-tools; python_version < '0'
pillow; python_version < '0'
uvloop; python_version < '0'
OVERRIDES
lock requirements/clients.txt "$work/clients.in" --override "$work/clients-overrides.txt"

sed -i "s/^torch==$torch+cpu/torch==$torch/" requirements/torch-cpu.txt
for python in 3.11 3.12 3.13; do
  sed -i "/^torch==/a\    --hash=sha256:$(apple_hash $python) \\\\" requirements/torch-cpu.txt
done

explain requirements/build.txt "What builds this repository's wheel, or an editable install; no part of an image's last stage."
explain requirements/compile.txt "What compiles the way of a request while an image is built; no part of an image's last stage."
explain requirements/service.txt "Every dependency of the service except the runtimes of models, which have files of their own."
explain requirements/onnx.txt "ONNX Runtime for CPUs."
explain requirements/grpc.txt "gRPC; the images have it with EXTRAS=grpc alone."
explain requirements/tasks.txt "What tasks of text and pictures need; installed with --no-deps, without the client of Hugging Face that tokenizers names."
explain requirements/hf.txt "What exports folders of Hugging Face, without torch; for the tests of \`make kinds\`."
explain requirements/sbom.txt "What makes an image's bill of materials while it is built; no part of an image's last stage."
explain requirements/dev.txt "Tests, lint and training, with the service's dependencies; torch itself comes from torch-cpu.txt."
explain requirements/torch-cpu.txt "PyTorch's CPU build. PyPI has it for Macs only; for Linux pip has to be told where PyTorch's CPU wheels lie" \
  "(images: build argument TORCH_INDEX_URL). The version matches the local one, $torch+cpu; the hash decides."
explain requirements/torch-cuda.txt "PyTorch's CUDA build as PyPI has it, with its NVIDIA parts (Linux)."
explain requirements/clients.txt "Clients of other servers, for tests/clients; installed by \`make test\` into build/clients, with --no-deps."
