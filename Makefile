# medtail. `make bench` and `make test` work from an empty clone; everything they need is set up first.
PYTHON ?= python3
MEDTAIL = .venv/bin/medtail
# The real data beside a checkout, where there is any and nothing else is said.
export MEDTAIL_DATA ?= $(if $(wildcard ../shared/data),../shared/data,data)
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup bench leaderboards regress test test-fast test-slow test-faults mutants lint perf docs wheel data clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## build .venv from requirements.lock; quick when nothing changed
	@PYTHON=$(PYTHON) tools/setup.sh

bench: setup ## run the default suite (SUITE=four-tracks) and write its leaderboards
	@$(MEDTAIL) bench $(or $(SUITE),four-tracks) $(ARGS)

leaderboards: setup ## write the leaderboards again from their records; trains nothing
	@$(MEDTAIL) leaderboards

regress: setup ## run the micro-suite (minutes) and hold it against tests/golden; fails where it moved or dropped
	@rm -rf runs/regress
	@$(MEDTAIL) bench regress --out runs/regress --leaderboards runs/regress/leaderboards --wandb disabled
	@$(MEDTAIL) regress tests/golden runs/regress/leaderboards --exact $(ARGS)

test: setup ## run the tests, on two processes of one thread each: of the slow ones a case of each kind, of the faults a few
	@.venv/bin/python -m pytest -n 2 --dist worksteal -m "(not faults or quick) and not thorough" $(ARGS)

test-fast: setup ## run the tests without the slow ones
	@.venv/bin/python -m pytest -n 2 --dist worksteal -m "not slow and not faults" $(ARGS)

test-slow: setup ## run all slow tests, in all their cases
	@.venv/bin/python -m pytest -n 2 --dist worksteal -m "slow or thorough" $(ARGS)

test-faults: setup ## inflict each fault of docs/testing.md: boards must be those of an undisturbed run
	@.venv/bin/python -m pytest -n 2 --dist worksteal -m faults $(ARGS)

mutants: setup ## plant 200 small mistakes in what decides numbers, see how many the tests notice (an hour or two)
	@.venv/bin/python tools/mutants.py $(ARGS)

lint: setup ## ruff (lint and format) and mypy strict
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

perf: setup ## measure a training epoch against a bare PyTorch loop, side by side, and a worker's memory
	@.venv/bin/python tools/perf.py $(ARGS)

docs: setup ## build docs/, cards, boards and the API into site/; a warning is an error
	@cmp -s docs/requirements.lock .venv/docs.lock || .venv/bin/python -m pip install -q --no-deps -r docs/requirements.lock
	@cp docs/requirements.lock .venv/docs.lock
	@rm -rf site
	@.venv/bin/python -m sphinx -q -W --keep-going -E -c docs -d .cache/docs . site
	@echo "docs: site/index.html"

wheel: setup ## build dist/medtail-*.whl, install it beside what it requires and try it there; FRESH=1: with all of it anew
	@PYTHON=$(PYTHON) tools/wheel_check.sh

data: setup ## say of every dataset whether its files are there and how to get them
	@$(MEDTAIL) data status

clean: ## remove results and caches (runs/, .cache/, dist/, site/); keeps .venv and data
	rm -rf runs .cache build dist site .mypy_cache .ruff_cache .pytest_cache
