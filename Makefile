# `make demo` shows mmsearch at work, `make test` runs the whole suite, `make torture` what takes longer; all make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INDEX ?= .demo/index
INSTALLED := $(VENV)/.installed

.PHONY: demo test torture lint types check quality clean

demo: $(INSTALLED)
	$(BIN)/mmsearch index sample_corpus --index $(INDEX)
	$(BIN)/mmsearch search "red car" --rerank --index $(INDEX)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Half an hour and more; docs/reliability.md tells what each command is for.
torture: $(INSTALLED)
	$(BIN)/python -m tests.crash --kills 1000 --faults 300 --json benchmarks/results/torture-crash.json

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)
	$(BIN)/mypy

check: lint types test

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV) || { echo "no venv module: try 'apt install python3-venv'" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

quality: $(INSTALLED)
	$(BIN)/python -m benchmarks.quality

clean:
	rm -rf $(VENV) .demo build dist *.egg-info
