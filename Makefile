# `make demo` and `make test` are for everybody, `make reproduce` tests the papers' claims, `make
# default-model` makes the model that comes with contravox anew, which takes hours. All use `make setup`,
# which makes .venv once and leaves it alone until pyproject.toml or constraints.txt changes.
PYTHON ?= python3
BIN := .venv/bin
SPEECH ?= ../shared/speech
NOISE ?= ../shared/noise
RESPONSES ?= ../shared/impulse_responses
# What `contravox convert` makes of 3D-Speaker's campplus_cn_en_common.pt.
TEACHER ?= cam_plus_plus.safetensors

.PHONY: demo test reproduce default-model setup check docs release-check clean

demo: setup
	$(BIN)/contravox demo $(ARGS)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile $(ARGS)

# SPEECH holds corpora: see benchmarks/reproduce.py. ARGS=--quick for two cores.
reproduce: setup
	$(BIN)/python benchmarks/reproduce.py --speech $(SPEECH) $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The site, in build/site. Its page that runs the model in the browser needs npm, once.
docs: setup
	$(BIN)/python docs/in_browser.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

default-model: setup
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/default_model.py --speech $(SPEECH) --noise $(NOISE) \
		--responses $(RESPONSES) --teacher $(TEACHER) $(ARGS)

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
