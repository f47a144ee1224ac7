# `make` alone says what there is. Nothing outside .venv, .cache and node_modules is changed, except by `make servers`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
PYTHON ?= python3
export PYTHON

BIN := .venv/bin
DEPENDENCIES := .venv/.dependencies
PACKAGE := .venv/.package
NODE := .venv/.node
MANIFESTS := $(shell find tests -name 'package*.json' -not -path '*/node_modules/*' 2>/dev/null)
# Options for the commands below: make test ARGS="tests/test_window.py -k parse", make demo ARGS="--fault slow-db"
ARGS ?=
# Test files at a time; many tests wait for servers rather than compute.
WORKERS ?= 2

.PHONY: help demo test lint types servers lock wheel setup clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(PACKAGE) ## set everything up and start the platform with a demonstration shop
	@exec $(BIN)/causeway demo $(ARGS)

test: $(PACKAGE) $(NODE) ## set up what is missing and run all tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

setup: $(PACKAGE) ## make .venv with the locked dependencies and the package

lint: $(PACKAGE) ## formatting, lint rules, and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: $(PACKAGE) ## both type checkers
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python

servers: ## install the real servers that some tests need (apt, as root; starts none)
	@.ci/servers

lock: $(PACKAGE) ## resolve the dependencies again into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements.lock
	@$(BIN)/uv pip compile .ci/tools.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o .ci/tools.lock

wheel: $(PACKAGE) ## build the wheel into dist/
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation

clean: ## remove what was built here, but no data
	@rm -rf .venv .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEPENDENCIES): requirements.lock .ci/tools.lock
	@.ci/setup venv
	@touch $@

$(PACKAGE): pyproject.toml $(DEPENDENCIES)
	@.ci/setup package
	@touch $@

$(NODE): $(PACKAGE) $(MANIFESTS)
	@.ci/setup node
	@touch $@
