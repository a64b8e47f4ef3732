# Every target sets up what it needs by itself in .venv; CI calls the same targets and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test packages check lint format types floors bench serve clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Datapod needs Python 3.11 or later; say which with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group dev
	@touch $@

demo: $(INSTALLED) ## import real items and a real table, ask SQL over both, serve a plugin, restart, plot
	$(BIN)/python -m examples.demo

test: $(INSTALLED) packages ## run all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

packages: ## install the Debian packages that some tests need; who is not root gets those tests skipped
	@missing=$$(for name in $$(cat .ci/packages); do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else echo "Tests that need one of these are skipped: $$missing"; fi; \
	fi

check: lint types floors ## everything that needs no running code: format, lint, types, floors

lint: $(INSTALLED) ## format and lint, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(INSTALLED) ## format, and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(INSTALLED) ## strict type check of src/
	$(BIN)/mypy

floors: $(INSTALLED) ## a room imports only from lower floors
	$(BIN)/lint-imports

bench: $(INSTALLED) ## run the benchmarks and print a table of ratios
	$(BIN)/python -m benchmarks

serve: $(INSTALLED) ## start a server with its data in ./data
	$(BIN)/datapod serve --data-dir data

clean: ## remove what the targets made
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache demo-out
