# Everything lives in .venv, set up once and again only when pyproject.toml or the pins change.
# No make? README.md gives the same steps as plain pip lines.

VENV     := .venv
BIN      := $(VENV)/bin
PY       := $(BIN)/python
READY    := $(VENV)/.ready
PINS     := .ci/constraints.txt
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
CODE     := course_utils data tests notebooks docs
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# The first Python on the path that is new enough; name another with PYTHON=...
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c "$(NEW_ENOUGH)" >/dev/null 2>&1 && echo "$$p" && break; done)

NO_PYTHON = $(if $(PYTHON),$(PYTHON) is not,There is no) Python 3.11 or newer here. Install one, or name it: make PYTHON=/path/to/python3.11

.PHONY: help setup lab test lint run refresh prose book student e2e bench stress colab newest oldest drift record mutate publish clean

help:
	@echo "Why ReLU?  A course of notebooks.  Each target sets up what it needs in $(VENV), once."
	@echo
	@echo "  make setup      only set up; the others do so by themselves"
	@echo "  make lab        open the course in JupyterLab, at notebook 00"
	@echo "  make test       lint, types, unit tests, and every cell of every notebook"
	@echo "  make run        execute all notebooks in order into build/ and print the verdicts"
	@echo "  make refresh    execute all notebooks, store their outputs, and say which numbers changed"
	@echo "  make prose      list the numbers in the notebooks' prose that no cell near them holds"
	@echo "  make book       write the notebooks as a book into build/book, to read offline; ARGS=--still runs nothing"
	@echo "  make student    an edition without worked solutions, in build/student; ARGS=--hide hides outputs, too"
	@echo "  make e2e        drive JupyterLab in a real browser (needs chromium); screenshots in build/e2e"
	@echo "  make bench      how fast: batched networks beside plain loops, notebooks, import, first figure"
	@echo "  make stress     all notebooks under hard conditions; ARGS=--list says which, ARGS=offline picks one"
	@echo "  make colab      all notebooks with Colab's versions, then one alone as Colab opens it"
	@echo "  make newest     unit tests and all notebooks with the newest of every dependency, without pins"
	@echo "  make oldest     the same with the oldest that pyproject.toml allows"
	@echo "  make drift      run the notebooks under four conditions; keep how far each number behind ≈ moves"
	@echo "  make record     run what data/record lacks; ARGS=C30 one claim, ARGS=--quick a small look, ARGS=--processes=2"
	@echo "  make mutate     change course_utils for the worse, a line at a time: do the unit tests notice?"
	@echo "  make publish REPO=owner/name"
	@echo "                  write the repository's name into badges and notebooks"
	@echo "  make clean      remove build/, caches and $(VENV)"
	@echo
	@echo "  ARGS=\"...\" is handed on: make run ARGS=02, make test ARGS=\"-k plots\","
	@echo "  make lab ARGS=--no-browser.  PYTHON=python3.12 picks the Python to set up with."

setup: $(READY)

$(READY): pyproject.toml $(PINS)
	@"$(PYTHON)" -c "$(NEW_ENOUGH)" 2>/dev/null || { echo "$(NO_PYTHON)"; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "PyTorch, the build for the CPU (about 200 MB) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --timeout 5 --retries 0 --no-deps \
		--index-url $(CPU_INDEX) -c $(PINS) torch 2>/dev/null \
		|| echo "The index of CPU builds cannot be reached; taking PyTorch from pip's usual index."
	@echo "The course and its tools ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -c $(PINS) -e ".[lab,test,book]"
	@touch $(READY)

# JupyterLab refuses to start as root (in a container, say) unless told.
lab: $(READY)
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

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

prose: $(READY)
	@$(PY) -m course_utils prose $(ARGS)

# Runs the notebooks for the pictures behind the book's sliders, unless nothing has changed since.
book: $(READY)
	@OMP_NUM_THREADS=1 $(PY) -m course_utils book $(ARGS)

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

# A second environment each, build/venv-newest and build/venv-oldest.
newest oldest: $(READY)
	@$(PY) tests/stress.py $@ $(ARGS)

drift: $(READY)
	@$(PY) tests/drift.py $(ARGS)

# Hours on one core. Killed, it goes on where it was. Tables that are there are kept.
record: $(READY)
	@OMP_NUM_THREADS=1 $(PY) -m course_utils record $(ARGS)

# Linux and macOS. ARGS="theory networks" picks rooms; all of them take an hour and more.
mutate: $(READY)
	@$(PY) tests/mutation.py $(ARGS)

# Needs a plain Python only. The stamp in pyproject.toml asks for no new set-up.
publish:
	@test -n "$(REPO)" || { echo "Say which: make publish REPO=owner/name"; exit 2; }
	@"$(PYTHON)" -c "$(NEW_ENOUGH)" 2>/dev/null || { echo "$(NO_PYTHON)"; exit 1; }
	@test -n "$$(find $(READY) -newer pyproject.toml -newer $(PINS) 2>/dev/null)" && done=touch || done=true; \
		"$(PYTHON)" -m course_utils publish "$(REPO)" $(if $(BRANCH),--branch "$(BRANCH)") && $$done $(READY)

clean:
	rm -rf build $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find course_utils data tests notebooks docs -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +
