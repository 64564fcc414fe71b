# make demo   the whole loop on a small model, in its own virtual environment
# make test   the tests          make check   style, types, import rules
PYTHON ?= python3
VENV   ?= .venv
RUN    ?= runs/demo
DOCS   ?=
BIN    := $(VENV)/bin

.PHONY: demo test check install clean

demo: $(VENV)/.demo
	$(BIN)/humpback run package:demo --out $(RUN) $(if $(DOCS),--set 'corpus.documents=["$(DOCS)"]')

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.demo

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "humpback needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25'

# torch first: the other packages must find the pinned one and not fetch another.
$(VENV)/.demo: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist runs *.egg-info src/*.egg-info
