# `make demo` and `make test` are for everybody, `make reproduce` tests the papers' claims. All use
# `make setup`, which makes .venv once and leaves it alone until pyproject.toml or constraints.txt
# changes.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test reproduce setup check docs release-check clean

demo: setup
	$(BIN)/contravox demo $(ARGS)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto $(ARGS)

# SPEECH holds corpora: see benchmarks/reproduce.py. ARGS=--quick for two cores.
reproduce: setup
	$(BIN)/python benchmarks/reproduce.py --speech $(SPEECH) $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The site, in build/site.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

release-check: setup
	.ci/release

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@echo "Installing into .venv; this takes about two minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[test]'
	@touch .venv/ready

clean:
	rm -rf .venv
