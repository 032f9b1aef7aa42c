# Every target does its own set-up: `make demo` and `make test` work on a fresh machine with Python 3.11+, git and make.
PYTHON ?= python3
BIN = .venv/bin
# Processes that tests run in; many of them wait for servers and other processes. Files go in the order of their names:
# the longest tests are alone in theirs, and would otherwise come last.
WORKERS ?= 4
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=50
HISHAMOS_HOME ?= $(CURDIR)/.hishamos
export HISHAMOS_HOME

.PHONY: help install install-dev demo dev test test-fast test-nightly test-local-model lint format bench docs lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

install: .venv/installed ## install what running needs, at pinned versions with checked hashes

install-dev: .venv/installed-dev ## install what developing and testing need

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	@# The pip of older Pythons refuses some locks that hold extras: the pip that the lock names comes first.
	sed -n '/^pip==/,/[^\\]$$/p' requirements.lock > .venv/pip.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .venv/pip.lock

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/installed-dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@ .venv/installed

demo: install ## build an example idea without a key, and show what came of it
	$(BIN)/hishamos build examples/ideas/lending-library.md
	@echo
	@echo "Look around:    git -C $(HISHAMOS_HOME)/projects/lending-library/repository log --oneline"
	@echo "The Dagster UI: make dev   (then open http://127.0.0.1:3000)"

dev: install ## start the Dagster UI and daemon on 127.0.0.1:3000
	$(BIN)/hishamos dev

test: install-dev ## run the tests; installs the browser where it may
	scripts/test-dependencies
	$(PYTEST) -m "not nightly"

test-fast: install-dev ## run the tests that take no servers, browser or minutes
	$(PYTEST) -m "not slow and not nightly" --durations=10

test-nightly: install-dev ## run the tests that take longer than anybody waits for: rare cases, hundreds of kills
	scripts/test-dependencies
	$(BIN)/python -m pytest -n 2 -m nightly --durations=50

test-local-model: install-dev ## build with a model on an OpenAI-compatible server (LOCAL_MODEL_URL)
	$(BIN)/python -m pytest -s tests/end_to_end/local_model.py

lint: install-dev ## ruff, mypy --strict, and which room may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

format: install-dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install-dev ## measure, and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

docs: install-dev ## make the generated reference and the screenshots again
	$(BIN)/python -m scripts.reference
	scripts/test-dependencies
	HISHAMOS_SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/end_to_end/test_ui.py

LOCK = $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-strip-extras --python-version 3.11 \
	--no-emit-index-url --extra build --extra sandbox
DEPLOYED = --extra celery --extra documents --extra k8s --extra mcp --extra otel --extra s3
lock: .venv/bin/python ## pin the dependencies again
	$(BIN)/python -m pip install -q uv
	$(LOCK) --upgrade pyproject.toml -o requirements.lock
	$(LOCK) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(LOCK) $(DEPLOYED) -c requirements-dev.lock pyproject.toml -o deploy/requirements.lock

clean: ## remove the environment and all state
	rm -rf .venv .hishamos
