# Two commands on a machine that has Python (3.11 or newer), pip and make:
#   make demo    installs telerole and plays 60 calls
#   make test    installs telerole and passes its tests
# PACKAGE may name a built wheel instead of this folder; VENV another place for the environment.
PYTHON ?= python3
VENV ?= .venv
PACKAGE ?= .
BIN := $(VENV)/bin
SOURCES := $(shell find telerole personas strategies examples/data -type f -not -name "*.pyc" 2>/dev/null)

.PHONY: demo test lint clean

demo: $(VENV)/.installed
	$(BIN)/telerole demo

test: $(VENV)/.testable
	$(BIN)/pytest -n logical --dist worksteal

lint: $(VENV)/.checkable
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(PACKAGE)"
	touch $@

$(VENV)/.testable: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(PACKAGE)[test]"
	$(BIN)/telerole install-model
	touch $@

$(VENV)/.checkable: $(VENV)/.testable
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(PACKAGE)[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist
