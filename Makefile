# `make demo` shows mmsearch at work, `make test` checks a change, `make check` all that CI checks, `make torture` what takes
# too long for it; all make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INDEX ?= .demo/index
INSTALLED := $(VENV)/.installed
# Files in their order: the ones of few and long tests would come last, when the other processes have nothing left.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-models test-training lint types docs man session check quality torture audit clean

demo: $(INSTALLED)
	$(BIN)/mmsearch index sample_corpus --index $(INDEX)
	$(BIN)/mmsearch search "red car" --rerank --index $(INDEX)

# What a change has to pass; the two targets below are the rest of the suite, and `make check` runs all three.
test: $(INSTALLED)
	$(PYTEST) -m "not slow and not torch_process" --ignore tests/training

# Processes that load models with torch, and models at full width.
test-models: $(INSTALLED)
	$(PYTEST) -m "torch_process and not slow" --ignore tests/training

# The package `training/`, which makes the built-in model.
test-training: $(INSTALLED)
	$(PYTEST) tests/training

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)
	$(BIN)/mypy

# The pages of docs/ as a site in build/site, without a warning; needs no network.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

man: $(INSTALLED)
	$(BIN)/python -m scripts.manpage man/mmsearch.1

# What the README shows of a terminal.
session: $(INSTALLED)
	$(BIN)/python -m scripts.record_session docs/session.svg

check: lint types docs test test-models test-training

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV) || { echo "no venv module: try 'apt install python3-venv'" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev,docs]"
	touch $@

# About an hour; docs/reliability.md says what each part shows.
torture: $(INSTALLED)
	$(BIN)/python -m tests.crash --kills 1000 --faults 300 --cuts 2000 --json benchmarks/results/torture-crash.json
	$(BIN)/python -m tests.hostile --files 20000 --json benchmarks/results/torture-hostile.json
	$(BIN)/python -m tests.hostile.fuzz --seconds 30
	$(BIN)/python -m tests.hostile.mutations --count 2000 --json benchmarks/results/torture-index.json
	$(BIN)/python -m tests.concurrency --minutes 10 --readers 4 --json benchmarks/results/torture-concurrency.json
	$(BIN)/python -m pytest -m slow tests/field

# Asks a public database of known weaknesses about all that is installed, so it needs the network.
audit: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --upgrade pip-audit
	$(BIN)/pip-audit --skip-editable --desc

quality: $(INSTALLED)
	$(BIN)/python -m benchmarks.quality

clean:
	rm -rf $(VENV) .demo build dist *.egg-info
