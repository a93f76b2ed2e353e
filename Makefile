# `make` alone lists the targets. Uses nothing newer than GNU make 3.81, which macOS has.
#
#   PYTHON=…     the Python 3.10 to 3.13 that .venv is made with (default: the first one found)
#   PYTHON37=…   the Python 3.7 that .venv-tf115 is made with (default: the first one found)
#   ARGS=…       what `run`, `test` and `bench` hand on, as in: make test ARGS="-k cnn -x"

# tests/helpers/distribution.py says what a worker gets, and in which order.
DISTRIBUTION := --no-loadscope-reorder
# Where it is set, each process would compile the tests anew: ten seconds of each worker.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow test-guide mutants torture kills parity bench bench-quick guide
.PHONY: lint types tf115 clean rebuild

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: .venv/.installed  ## Train and compare every pair (ARGS="cnn --steps 200")
	@.venv/bin/pairs run $(ARGS)

test: .venv/.installed  ## Run the tests (ARGS="-k cnn -x")
	@.venv/bin/python -m pytest $(ARGS) -n auto $(DISTRIBUTION)

mutants: .venv/.installed  ## Change the code in many places, one at a time: is it noticed? (ARGS="--every 10")
	@PYTHONPATH=.:tests:tests/helpers .venv/bin/python -m mutants $(ARGS)

torture: .venv/.installed  ## Break saves and checkpoints in every way (ARGS="--seed 1")
	@PYTHONPATH=.:tests:tests/helpers .venv/bin/python -m torture $(ARGS)

kills: .venv/.installed  ## Kill processes of clusters at 800 moments, and resume (ARGS="--kills 10")
	@PYTHONPATH=.:tests:tests/helpers .venv/bin/python -m torture.workers --style tf2_style $(ARGS)
	@PYTHONPATH=.:tests:tests/helpers .venv/bin/python -m torture.workers --style tf1_style $(ARGS)

parity: .venv/.installed  ## Renew the parity matrix; or compare (ARGS="cnn --runtime xla")
	@.venv/bin/pairs parity $(or $(ARGS),--renew)

test-slow: .venv/.installed  ## Run the tests that train for minutes
	@.venv/bin/python -m pytest -m slow $(ARGS) -n auto $(DISTRIBUTION)

guide: .venv/.installed  ## Build the guide into build/guide; `pairs guide` opens it
	@.venv/bin/pairs guide --build --no-open

test-guide: guide  ## Test the guide in a browser (Chromium)
	@.venv/bin/python -m pytest -m browser tests/browser $(ARGS) -n auto $(DISTRIBUTION)

bench: .venv/.installed  ## Time five models in each runtime, 12 to 20 minutes (ARGS="cnn")
	@.venv/bin/pairs bench $(ARGS)

bench-quick: .venv/.installed  ## A part of it, in 2 minutes
	@.venv/bin/pairs bench --quick $(ARGS)

lint: .venv/.installed  ## Check style and format of the code with ruff
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: .venv/.installed  ## Check the types with mypy
	@.venv/bin/mypy

tf115: .venv-tf115/.installed  ## Build .venv-tf115 for the tests: TensorFlow 1.15, Python 3.7
	@echo "TensorFlow 1.15 is in .venv-tf115"

clean:  ## Uninstall: remove both environments, caches and builds (never runs/)
	@rm -rf .venv .venv-tf115 .hypothesis .mypy_cache .pytest_cache .ruff_cache build *.egg-info
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +

# --- The environments -------------------------------------------------------------------------
#
# .installed is written last, so an interrupted installation never counts as done. It holds the
# folder it was made in: the scripts of a .venv that was copied or moved still run the old folder.
# An environment is made anew when it is unfinished, was moved, has lost its interpreter, or was
# made with another one than PYTHON names; otherwise changed requirements are installed into it.

PIP_INSTALL := sh .make/install.sh
IDENTITY := import sys; print(sys.base_prefix, sys.version)

venv_works := $(shell { [ "$$(cat .venv/.installed)" = "$(CURDIR)" ] \
	&& .venv/bin/python -c 'import pip' \
	&& { [ -z "$(PYTHON)" ] || \
		[ "$$("$(PYTHON)" -c '$(IDENTITY)')" = "$$(.venv/bin/python -c '$(IDENTITY)')" ]; } \
	&& echo yes; } 2>/dev/null)

tf115_works := $(shell { [ -e .venv-tf115/.installed ] \
	&& .venv-tf115/bin/python -c 'import pip' && echo yes; } 2>/dev/null)

# The path of a fitting Python; where there is none, make stops with the one line that says so.
FIND_PYTHON = PYTHON="$(PYTHON)" PYTHON37="$(PYTHON37)" sh .make/find_python.sh
no_python = $(error $(shell $(FIND_PYTHON) $(1) 2>&1))
find_python = $(or $(shell $(FIND_PYTHON) $(1) 2>/dev/null),$(no_python))

.venv/.installed: pyproject.toml constraints.txt $(if $(venv_works),,rebuild)
	@$(if $(venv_works),rm $@,rm -rf .venv && "$(call find_python,suite)" -m venv .venv)
	@echo "Installing into .venv: 2.6 GB, some 3 minutes the first time (make clean removes it)"
	@$(PIP_INSTALL) .venv/bin/python -c constraints.txt -e '.[dev]'
	@echo "$(CURDIR)" > $@

.venv-tf115/.installed: .make/tf115-requirements.txt $(if $(tf115_works),,rebuild)
	@rm -rf .venv-tf115 && "$(call find_python,tf115)" -m venv .venv-tf115
	@echo "Installing TensorFlow 1.15 into .venv-tf115; this takes some minutes"
	@$(PIP_INSTALL) .venv-tf115/bin/python -r .make/tf115-requirements.txt
	@touch $@
