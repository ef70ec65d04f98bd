# make demo    everything together on this machine, to look at
# make test    every check
# make deep    the long suites, part by part (two hours; it goes on where it stopped)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
INSTALLED := .venv/installed
PEERS := .venv-peers/installed
NEEDED := chromium:chromium systemd-analyze:systemd pgbouncer:pgbouncer
PIP_INSTALL := $(BIN)/pip --disable-pip-version-check --no-input -qq install

.PHONY: help demo test deep deep-soak bench environment tools lock clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/make \1\t\2/p' Makefile | expand -t 16

demo: environment  ## simulator, mission store, mail folder and daemon together, until Ctrl-C
	@exec $(BIN)/syncd demo

test: tools environment  ## every check: format, style, types, layers, tests
	@say() { printf '== %s\n' "$$1"; }
	say 'format (ruff)';    $(BIN)/ruff format --check --quiet .
	say 'style (ruff)';     $(BIN)/ruff check --quiet .
	say 'types (mypy)';     $(BIN)/mypy
	say 'layers (import-linter)'; $(BIN)/lint-imports --no-cache | tail -n 3
	# Tests of whole processes have deadlines, and machines are noisy: what failed beside others is tried once more, alone.
	say 'tests (pytest)';   $(BIN)/pytest -q --numprocesses 3 --dist worksteal --durations 25 --durations-min 2 || {
		[ $$? = 1 ] || exit 1
		say 'what failed, once more and alone'
		$(BIN)/pytest -q --last-failed --last-failed-no-failures none
	}

deep: tools environment  ## the long suites, two hours: kills everywhere, simulated towns, real faults (PARTS="crash mail": these)
	@$(BIN)/python -m tests.deep $(PARTS)

deep-soak: tools environment  ## an hour under faults: memory, files, threads and tasks stay flat
	@$(BIN)/python -m tests.faults.soak --minutes 60

bench: NEEDED := redis-server:redis-server
bench: tools environment $(PEERS)  ## measure everything side by side, other engines too; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

# -- what the commands above need

environment: $(INSTALLED)

$(INSTALLED): requirements-dev.lock pyproject.toml
	@works() { "$$1" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
	if ! works $(BIN)/python; then
		for python in python3.11 python3 none; do works $$python && break; done
		if [ $$python = none ]; then
			echo 'syncd needs Python 3.11 or newer, with venv (Debian: apt-get install python3 python3-venv)' >&2
			exit 1
		fi
		echo "== environment ($$($$python --version), once per lock)"
		rm -rf .venv
		$$python -m venv .venv
	fi
	# A lock names everything: a resolver, whose choice among extras may fall on a later version, is not asked.
	$(PIP_INSTALL) --no-deps --require-hashes --requirement requirements-dev.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/pip --disable-pip-version-check check
	touch $@

$(PEERS): benchmarks/peers/requirements.lock $(INSTALLED)
	@echo '== environment of the other engines (once per lock)'
	$(BIN)/python -m venv .venv-peers
	$(PIP_INSTALL:$(BIN)/%=.venv-peers/bin/%) --no-deps --require-hashes --requirement benchmarks/peers/requirements.lock
	touch $@

tools:
	@need() {
		! command -v "$$1" >/dev/null || return 0
		if [ "$$(id -u)" != 0 ]; then
			echo "this needs $$1: apt-get install $$2 (as root), then once more" >&2
			exit 1
		fi
		echo "== tools ($$2)"
		get() { DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$$1" >/dev/null; }
		get "$$2" 2>/dev/null || { apt-get update >/dev/null; get "$$2"; }
	}
	for tool in $(NEEDED); do need "$${tool%%:*}" "$${tool##*:}"; done

# -- now and then

lock:  ## resolve both locks again
	@[ -x .venv-lock/bin/uv ] || { python3 -m venv .venv-lock; .venv-lock/bin/pip --quiet install uv; }
	compile() {
		.venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
			--no-annotate --no-emit-index-url --no-emit-find-links --output-file "$$@"
	}
	compile requirements.lock pyproject.toml
	compile requirements-dev.lock --group dev pyproject.toml
	compile benchmarks/peers/requirements.lock benchmarks/peers/requirements.in pyproject.toml

clean:  ## forget the environment and every cache; var/ (a daemon's state) stays
	@rm -rf .venv .venv-lock .venv-peers dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
