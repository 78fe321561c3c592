# One command each; `make help` lists them. Everything a target needs is installed by it, with progress on screen.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=
CLUSTER ?= sandbox
export UV_PYTHON_DOWNLOADS := never

# uv from PATH, else installed once into a folder of its own: a machine with only git, make and Python is enough.
PYTHON ?= python3
TOOLS := .cache/tools
UV := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
RUN := $(UV) run --frozen
WORKERS ?= 2

.PHONY: help setup demo test test-long check fix bench load fuzz simulate cluster controlplane clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready  ## Install everything into .venv

.venv/.ready: pyproject.toml uv.lock
	@command -v $(UV) >/dev/null || { echo "installing uv"; $(PYTHON) -m venv $(TOOLS) && $(TOOLS)/bin/pip install --progress-bar off uv; }
	$(UV) sync --frozen
	@touch $@

demo: setup  ## Tell the story in the terminal (ARGS=--check ends after it; CLUSTER=real or current)
	CLUSTER=$(CLUSTER) $(RUN) python -m deploy.demo $(ARGS)

controlplane: setup  ## Build the test control plane once (10 minutes, resumable)
	$(RUN) python -m tests.controlplane build

cluster: controlplane  ## Run the test control plane and print its kubeconfig
	$(RUN) python -m tests.controlplane run $(ARGS)

# The tests go on without a control plane, and say so loudly at their end.
test: setup  ## Run the tests (ARGS="-k name" picks some)
	-$(RUN) python -m tests.controlplane build
	$(RUN) pytest -n $(WORKERS) -m "not long and not alone" $(ARGS)
	$(RUN) pytest -n 0 -m "alone and not long" $(ARGS)

test-long: setup controlplane  ## Run the long tests too: faults at every request, bursts, images
	$(RUN) pytest -n 0 -m "long" $(ARGS)

check: setup  ## Lint, types and import contracts
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports

fix: setup  ## Format, and repair what ruff can
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: setup controlplane  ## Measure (ARGS="--apps 20,100 --json FILE")
	$(RUN) python -m deploy.bench $(ARGS)

load: setup  ## Measure how many webhooks one receiver takes (ARGS="--seconds 600" shows that memory is flat)
	$(RUN) python -m deploy.bench.load $(ARGS)

simulate: setup  ## Ten thousand applications on a hundred clusters that stand in (ARGS="--apps 1000")
	$(RUN) python -m deploy.simulate $(ARGS)

fuzz: setup  ## Fuzz the parsers that strangers' bytes reach (10 minutes; ARGS=60: seconds)
	$(RUN) --group fuzz python -m tests.fuzz $(ARGS)

clean:  ## Remove what was made here; the control plane in the user's cache stays
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
