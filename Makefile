# Everything lives in .venv, set up once and again only when pyproject.toml or the pins change.
# No make (Windows)? README.md gives the same steps as plain pip lines.

VENV     := .venv
BIN      := $(VENV)/bin
PY       := $(BIN)/python
READY    := $(VENV)/.ready
PINS     := .ci/constraints.txt
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
CODE     := course_utils data tests notebooks
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# The first Python on the path that is new enough; name another with PYTHON=...
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c "$(NEW_ENOUGH)" >/dev/null 2>&1 && echo "$$p" && break; done)

.PHONY: help setup lab test lint run refresh html student e2e bench stress colab mutate publish clean

help:
	@echo "Why ReLU?  A course of notebooks.  Each target sets up what it needs in $(VENV), once."
	@echo
	@echo "  make setup      only set up; the others do so by themselves"
	@echo "  make lab        open the course in JupyterLab, at notebook 00"
	@echo "  make test       lint, types, unit tests, and every cell of every notebook"
	@echo "  make run        execute all notebooks in order into build/ and print the verdicts"
	@echo "  make refresh    execute all notebooks and store their outputs, cleaned"
	@echo "  make html       write the stored notebooks as linked pages into build/html, to read offline"
	@echo "  make student    an edition without worked solutions, in build/student; ARGS=--hide hides outputs, too"
	@echo "  make e2e        drive JupyterLab in a real browser (needs chromium); screenshots in build/e2e"
	@echo "  make bench      how fast: batched networks beside plain loops, notebooks, import, first figure"
	@echo "  make stress     all notebooks under hard conditions; ARGS=--list says which, ARGS=offline picks one"
	@echo "  make colab      all notebooks with Colab's versions, then one alone as Colab opens it"
	@echo "  make mutate     change course_utils for the worse, a line at a time: do the unit tests notice?"
	@echo "  make publish REPO=owner/name"
	@echo "                  write the repository's name into badges and notebooks"
	@echo "  make clean      remove build/, caches and $(VENV)"
	@echo
	@echo "  ARGS=\"...\" is handed on: make run ARGS=02, make test ARGS=\"-k plots\","
	@echo "  make lab ARGS=--no-browser.  PYTHON=python3.12 picks the Python to set up with."

setup: $(READY)

$(READY): pyproject.toml $(PINS)
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c "$(NEW_ENOUGH)" || { echo "$(PYTHON) is not a Python 3.11 or newer. Name one that is: make PYTHON=python3.11"; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "PyTorch, the build for the CPU (about 200 MB) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --timeout 5 --retries 0 --no-deps \
		--index-url $(CPU_INDEX) -c $(PINS) torch 2>/dev/null \
		|| echo "The index of CPU builds cannot be reached; taking PyTorch from pip's usual index."
	@echo "The course and its tools ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -c $(PINS) -e ".[lab,test]"
	@touch $(READY)

# JupyterLab refuses to start as root (in a container, say) unless told.
lab: $(READY)
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

# Two workers with one thread each: on two cores that is quicker than one with two. A notebook stays with one worker.
test: lint
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

run: $(READY)
	@$(PY) -m course_utils run $(ARGS)

refresh: $(READY)
	@$(PY) -m course_utils refresh $(ARGS)

html: $(READY)
	@$(PY) -m course_utils html

student: $(READY)
	@$(PY) -m course_utils student $(ARGS)

# Debian and Ubuntu: apt install chromium. Without a browser the tests are skipped and say so.
e2e: $(READY)
	@$(PY) -m pip install --quiet --disable-pip-version-check -c $(PINS) -e ".[e2e]"
	COURSE_E2E=1 $(PY) -m pytest tests/e2e -s -rs $(ARGS)

bench: $(READY)
	@$(PY) -m course_utils bench $(ARGS)

stress: $(READY)
	@$(PY) tests/stress.py $(ARGS)

# Makes a second environment, build/venv-colab, from .ci/constraints-colab.txt: 1.5 GB.
colab: $(READY)
	@$(PY) tests/stress.py colab $(ARGS)

# Linux and macOS. ARGS="theory networks" picks rooms; all of them take an hour and more.
mutate: $(READY)
	@$(PY) tests/mutation.py $(ARGS)

publish: $(READY)
	@test -n "$(REPO)" || { echo "Say which: make publish REPO=owner/name"; exit 2; }
	@$(PY) -m course_utils publish "$(REPO)" $(if $(BRANCH),--branch "$(BRANCH)")

clean:
	rm -rf build $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find course_utils data tests notebooks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +
