# `make serve` and `make test` set up everything that they need, with Python 3.11+ and make alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What deploys and checks the templates, each in a venv of its own: they need other libraries.
TOOLS := .tools/sam/.installed .tools/checkov/.installed
SAM := SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam

.PHONY: setup tools serve test lint format bench build edge check-template clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Penstock needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

tools: $(TOOLS)

.tools/%/.installed: tools/%.txt
	$(PYTHON) -m venv .tools/$*
	.tools/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

serve: setup
	$(BIN)/penstock serve

# Files are shared out, not tests: the parts of a module's own are made once. Tests of jobs wait a third
# of their time, so there is one process more than there are processors.
test: setup tools lint
	$(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python bench/download.py
	$(BIN)/python bench/lambda.py
	$(BIN)/python bench/exports.py --large --csv

# What `sam deploy` takes: layers and functions, for the Architecture that template.yaml names.
build: tools
	$(SAM) build

# Writes edge/viewer-request.js into template.yaml, which has no other way to include it.
edge:
	$(PYTHON) tools/inline_edge.py

check-template: setup tools
	$(BIN)/python -m pytest tests/template

clean:
	rm -rf $(VENV) .tools .aws-sam build
