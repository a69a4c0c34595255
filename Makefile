# Everything a developer or an operator types. It needs make, Python 3.11 or newer and a C compiler.
PYTHON ?= python3
# How many processes share the tests. One more than two cores, since many tests wait for servers to start and to end.
JOBS ?= 3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run demo-stripe test sure format

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/run.stamp ## install what is missing, prepare the database and serve on http://localhost:5000
	$(BIN)/python app.py

demo-stripe: .venv/test.stamp ## serve on http://localhost:5000 with payments, against a stand-in for Stripe on this machine
	$(BIN)/python -m tests.fakes.stripe.demo

test: .venv/test.stamp ## run the whole test suite (more arguments: make test ARGS="-k billing")
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

sure: .venv/test.stamp ## run everything that CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

format: .venv/test.stamp ## put the code into the one format and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The stamps are newer than what they stand for, so a changed list is installed again.
.venv/run.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/run.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
