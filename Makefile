# vision-ft. Every target sets up what it needs; `make` alone lists them.
#
#   make demo [TASK=classify|detect|segment|anomaly|signs] [DATA=/folder/of/class/folders [GOOD=classes]] [ARGS="..."]
#   make test [ARGS="-k bundle"] [WORKERS=2]

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
SERVE_VENV := .venv-serve
BIN := $(VENV)/bin
SERVE_LOCKS := requirements-serve.lock scripts/serve_tests.lock
# More workers than eight only cost memory: each one imports torch.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); echo $$((n > 8 ? 8 : n)))
DATA ?=
# Class folders of DATA that hold good parts, such as `good` or `good,reworked`: without any nothing is rejected.
GOOD ?=
# What the demo shows: classify (which is what it shows by itself), detect, segment, anomaly or signs.
TASK ?=
ARGS ?=

.PHONY: help setup serve-env debian demo test test-serving lint format bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.stamp ## build .venv from requirements.lock; .venv/bin/vision-ft works after it

$(VENV)/.stamp: requirements.lock pyproject.toml
	scripts/make_env.sh $(VENV) requirements.lock

serve-env: $(SERVE_VENV)/.stamp ## build .venv-serve: a serving machine's environment (extra serve-cpu, no torch)

$(SERVE_VENV)/.stamp: $(SERVE_LOCKS) pyproject.toml
	scripts/make_env.sh $(SERVE_VENV) $(SERVE_LOCKS)

debian:
	@scripts/install_debian.sh

demo: setup ## sample parts (or DATA= and its GOOD= classes) -> fine-tuned bundle -> report -> running service
	$(BIN)/vision-ft demo $(if $(TASK),--task $(TASK) )$(if $(DATA),--data.root "$(DATA)")$(if $(GOOD), --objective.good "$(GOOD)") $(ARGS)

test: setup debian test-serving ## everything; pytest's closing line is printed last
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

test-serving: serve-env ## the service and the bundle where torch is not installed
	$(SERVE_VENV)/bin/python scripts/assert_no_torch.py
	$(SERVE_VENV)/bin/python -m pytest tests/serving tests/unit/bundle -q -n $(WORKERS) --dist loadscope -p no:cacheprovider

lint: setup ## ruff, mypy --strict, and the import laws
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## one benchmark: ONLY=name runs tests/benchmarks/bench_name.py with ARGS (BENCHMARKS.md says which)
	@file=tests/benchmarks/bench_$(ONLY).py; \
	if [ ! -f "$$file" ]; then echo "make bench: say which, as ONLY=$$(ls tests/benchmarks/bench_*.py | sed 's/.*bench_//; s/.py$$//' | paste -sd'|')"; exit 2; fi; \
	$(BIN)/python "$$file" $(ARGS)

lock: ## resolve the lock files again; ARGS=--upgrade takes newer releases
	scripts/lock.sh $(ARGS)

clean: ## remove environments, caches and build outputs; runs/ and datasets/ stay
	rm -rf $(VENV) $(SERVE_VENV) .venv-uv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
