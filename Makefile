# `make run` opens the workstation, `make test` runs every test. See README.md.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
ENGINE := $(CURDIR)/build/engine-home

.PHONY: run test check static format bench docs clean

run: $(VENV)/base
	@$(BIN)/offgrid

# Everything: the base, what the tests need, one build of the engine that all of them share, and every test.
test: $(VENV)/test engine sources
	$(BIN)/python -m pytest $(PYTEST)

.PHONY: engine
engine: $(VENV)/test
	@OFFGRID_HOME="$(ENGINE)" $(BIN)/offgrid engine build

# llama.cpp's sources: its developers' vocabularies lie in them.
.PHONY: sources
sources: $(VENV)/test
	@$(BIN)/python -m benchmarks.peers --sources

check: static test

# What `make check` does beside the tests.
static: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m tools.catalog --check

format: $(VENV)/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/test
	$(BIN)/python -m tools.docs

bench: $(VENV)/test engine
	$(BIN)/python -m benchmarks

clean:
	rm -rf build $(VENV)

$(VENV)/base: pyproject.toml constraints.txt | needs-python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test: $(VENV)/base | needs-tools
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

.PHONY: needs-python needs-tools
needs-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "OffGrid needs Python 3.11 or newer: apt install python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing: apt install python3-venv" >&2; exit 1; }

needs-tools:
	@command -v g++ >/dev/null || { echo "A C++ compiler is missing: apt install g++" >&2; exit 1; }
	@command -v tmux >/dev/null || { echo "tmux is missing, the tests drive it: apt install tmux" >&2; exit 1; }

include tools/starter/Makefile
