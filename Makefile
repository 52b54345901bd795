# Everything happens in .venv/ of this checkout. Python 3.11 or later, git and make are enough.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup rehearse test check bench fmt picture

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## install everything into .venv/

$(READY): pyproject.toml constraints.txt
	@python=; for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    python=$$name; break; \
	  fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Python 3.11 or later is needed, and there is: $$(python3 --version 2>&1)." >&2; \
	  echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	$$python -m venv .venv || { \
	  echo "$$python cannot make .venv/; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }
	@echo "Installing into .venv/ (a minute or two, the first time only) ..."
	@$(BIN)/python -m pip install --quiet --no-input -c constraints.txt -e '.[dev]'
	@touch $@

rehearse: $(READY) ## play a whole night: no account, no network, under a minute
	@$(BIN)/sleepless rehearse

test: check ## format, lint, types, and every test with its coverage gate
	@.ci/tools
	$(BIN)/coverage erase
	$(BIN)/pytest -n 2 --cov --cov-report=
	$(BIN)/coverage report --include='core/*' --fail-under=95
	$(BIN)/coverage report --include='execution/*' --fail-under=95

check: $(READY) ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY) ## measure what docs promise about speed
	@for script in benchmarks/*.py; do echo "# $$script"; $(BIN)/python "$$script" || exit 1; done

picture: $(READY) ## draw the pictures in docs/ anew: a rehearsal, and what stands in Slack
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sleepless rehearse --json --picture docs/rehearsal.svg >/dev/null
	@$(BIN)/python tests/slack_scenes.py >/dev/null

fmt: $(READY) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
