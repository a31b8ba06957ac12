# ReplyX: set up, run, check, test. `make` alone lists the targets. Needs GNU make and Python 3.11 or newer; Node is
# used when the system has a fitting one and comes from PyPI otherwise. Everything goes into this folder.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
UV_VERSION := 0.13.8
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
PIP := $(BIN)/pip install --quiet
# The system's Node when it is new enough for the build, else the one of requirements/dev.txt.
NODE_BIN := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null \
	&& npm --version >/dev/null 2>&1 && dirname "$$(command -v node)")
NPM := PATH="$(if $(NODE_BIN),$(NODE_BIN):)$(CURDIR)/$(BIN):$$PATH" npm --prefix web
WIDGET := web/node_modules/.built
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
CONFIG = $(firstword $(wildcard $(REPLYX_DATA_DIR)/supervisor.conf) supervisor.conf)

# uv does not read pip's variables, and Node does not read the system's certificates unless told to.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_EXTRA_INDEX_URL
export UV_INDEX ?= $(PIP_EXTRA_INDEX_URL)
endif
export NODE_USE_SYSTEM_CA ?= 1

define need_python
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed: apt-get install python3 python3-venv (or set PYTHON=/path/to/python)." >&2; exit 1; }
endef
define say
	@echo "==> $(1)"
endef

.PHONY: help setup setup-dev run up test check bench chaos stop clean widget chromium format

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup widget ## Set up everything and start the demo; prints the addresses and the login
	@exec $(BIN)/replyx up --demo $(if $(PORT),--port $(PORT))

up: setup widget ## The same without the demo: your own DATABASE_URL, REDIS_URL, ... are used when set
	@exec $(BIN)/replyx up $(if $(PORT),--port $(PORT))

setup: .venv/.runtime .venv/.package ## Make .venv with what the product needs

setup-dev: .venv/.dev .venv/.package .venv-peers/.done web/node_modules/.done ## Make everything that checks and tests need

widget: $(WIDGET) ## Build the chat widget into gateway/static

test: setup-dev widget chromium ## Set up everything and pass every test
	$(call say,the widget's tests)
	@$(NPM) run --silent test
	$(call say,the product's tests)
	@$(BIN)/python -m pytest

check: setup-dev widget ## All static checks
	$(call say,format and lint)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	$(call say,types)
	@$(BIN)/mypy
	$(call say,import contracts)
	@$(BIN)/lint-imports --no-logo
	$(call say,the widget)
	@$(NPM) run --silent check

format: setup-dev ## Format the Python code and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

SEEDS ?= 1
HOURS ?= 1
chaos: setup-dev ## Break the product on purpose: SEEDS of every fault (1), for at most HOURS (1); ONLY=F2,F4 for some
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) --hours $(HOURS) $(if $(ONLY),--only $(ONLY))

bench: setup-dev ## Run the benchmarks; each ends in a line of JSON
	@$(BIN)/python -m bench

stop: ## Stop a ReplyX that runs from here
	@if $(BIN)/supervisorctl -c $(CONFIG) pid >/dev/null 2>&1; then \
		$(BIN)/supervisorctl -c $(CONFIG) shutdown; \
		while $(BIN)/supervisorctl -c $(CONFIG) pid >/dev/null 2>&1; do sleep 0.2; done; \
	else echo "ReplyX does not run from here."; fi

clean: ## Remove everything that was built or installed; the data in var/ stays
	rm -rf .venv .venv-peers web/node_modules gateway/static .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/.uv:
	$(need_python)
	$(call say,making .venv with $(PYTHON))
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(PIP) uv==$(UV_VERSION)
	@touch $@

# uv takes seconds where pip takes most of a minute; pip is the second try, with its own configuration.
.venv/.runtime: requirements/runtime.txt | .venv/.uv
	$(call say,installing the product's packages)
	@$(UV) --require-hashes -r $< || $(PIP) --require-hashes -r $<
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	$(call say,installing the packages of checks and tests)
	@$(UV) --require-hashes -r $< || $(PIP) --require-hashes -r $<
	@touch $@

.venv/.package: pyproject.toml .venv/.runtime
	$(call say,installing the replyx command)
	@$(UV) --no-deps --build-constraints requirements/dev.txt -e . || $(PIP) --no-deps -e .
	@touch $@

.venv-peers/.done: requirements/peers.txt .venv/.uv
	$(call say,installing other Telegram clients to test against)
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@$(BIN)/uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r $< \
		|| .venv-peers/bin/pip install --quiet --require-hashes -r $<
	@touch $@

# Without a fitting Node on the system, the one of the development packages is needed first.
web/node_modules/.done: web/package-lock.json $(if $(NODE_BIN),,.venv/.dev)
	$(call say,installing the widget's build tools)
	@$(NPM) ci --silent
	@touch $@

$(WIDGET): web/node_modules/.done $(WEB_SOURCES)
	$(call say,building the widget)
	@$(NPM) run --silent build
	@touch $@

chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "==> installing Chromium for the browser tests"; \
		apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0; \
	fi; \
	echo "Chromium is missing, and the browser tests need it: sudo apt-get install --no-install-recommends chromium" >&2; exit 1
