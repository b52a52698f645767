# Every command of the project. Variables: PORT of the service, OUT for results, PROMPT, SEED, PYTHON.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8093
OUT ?= out
PROMPT ?= pink bicycle
SEED ?= -1
VARIANT ?= gpu
TORCH ?=
URL ?= http://127.0.0.1:$(PORT)

export BENTOML_DO_NOT_TRACK := True

.DEFAULT_GOAL := help
.PHONY: help demo serve generate test test-fast lint bench image image-test clean deploy-test licenses

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: PORT=$(PORT) OUT=$(OUT) PROMPT=\"$(PROMPT)\" SEED=$(SEED)"

# The same object every time; `make demo SEED=-1` draws one.
demo: SEED = 1
demo: $(VENV)/.installed ## set up, start the service, write pink-bicycle.ply, .glb, .mp4 and .png to OUT, stop it
	$(BIN)/python -m scripts.generate "pink bicycle" --out "$(OUT)" --port "$(PORT)" --seed "$(SEED)" --attempts 3 --formats ply,glb,mp4 --serve --replace

serve: $(VENV)/.installed ## run the service on PORT
	$(BIN)/bentoml serve --port "$(PORT)"

# As the shell's variable: whatever stands in a prompt, neither make nor the shell reads it as its own.
generate: export ASKED := $(value PROMPT)
generate: $(VENV)/.installed ## ask the running service for PROMPT; results go to OUT
	$(BIN)/python -m scripts.generate --out "$(OUT)" --port "$(PORT)" --seed "$(SEED)" -- "$$ASKED"

test: $(VENV)/.installed-dev ## run all tests
	$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-dev ## run the tests that start no server: before each commit
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

lint: $(VENV)/.installed-dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed ## measure a service started for it; the last line is JSON
	$(BIN)/python -m benchmarks.end_to_end --port "$(PORT)" --serve

image: $(VENV)/.installed ## build the container image with docker, podman or buildah; VARIANT=cpu TORCH=... (see deploy/docker)
	VARIANT="$(VARIANT)" TORCH="$(TORCH)" deploy/docker/build

image-test: $(VENV)/.installed ## build the CPU image on a stand-in base, run it and try it (root, Debian)
	.ci/image

deploy-test: $(VENV)/.installed-dev .venv-deploy/.installed ## run the tests of deploy/ with runpod, pm2 and the Kubernetes schemas
	.ci/gltf_tools
	$(BIN)/python -m pytest tests/deploy tests/licenses

licenses: $(VENV)/.installed-dev .venv-deploy/.installed ## write licenses/ anew
	$(BIN)/python -m scripts.licenses
	$(BIN)/python -m scripts.sbom .venv-deploy/bin/cyclonedx-py

clean: ## remove results and caches, keep the virtual environment
	rm -rf "$(OUT)" build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv-deploy/.installed: deploy/requirements-test.txt deploy/runpod/requirements.txt
	test -x .venv-deploy/bin/python || $(PYTHON) -m venv .venv-deploy
	.venv-deploy/bin/python -m pip install --quiet --disable-pip-version-check -r deploy/requirements-test.txt
	@touch $@
