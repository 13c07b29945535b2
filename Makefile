# `make` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run demo test fast bench soak check lock clean

# The first that is new enough and can make an environment.
FIT := -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do $$name $(FIT) && echo $$name && break; done)
BIN := .venv/bin
# Live tests wait for sound most of the time, so more run side by side than there are cores.
WORKERS ?= 5

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## a PBX with two demo tenants and the API; Ctrl-C ends both
	@$(BIN)/python -m asterisk.pbx.run

demo: .venv/dev ## real phones on a PBX of its own; each operation, and who hears whom
	@$(BIN)/python -m tests.demo

test: .venv/dev ## every test, on a real Asterisk with real phones, with a coverage report
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n $(WORKERS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

fast: .venv/dev ## the tests that need no Asterisk
	$(BIN)/python -m pytest -q tests/fast

bench: .venv/dev ## one table: what the service costs beside Asterisk alone; also in bench.json
	@$(BIN)/python -m tests.bench --json bench.json

soak: .venv/dev ## 5,000 calls with random operations, and what is left of them; SOAK="--calls 500 --seed 1"
	@$(BIN)/python -m tests.soak $(SOAK)

check: .venv/dev ## lint, format, strict types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: .venv/dev ## pin every package anew, for any platform, with hashes
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove what was made here: environment, private Asterisk, secrets, caches
	rm -rf .venv .pbx .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed: install the package python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.lock
	@echo "installing Python packages into .venv"
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/dev: .venv/bin/python requirements-dev.lock
	@echo "installing Python packages into .venv"
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ .venv/run
