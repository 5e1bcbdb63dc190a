# Thin on purpose: scripts/setup does all set-up (and nothing where nothing has changed), then one command runs.
# ARGS goes to the command: make run ARGS="--help", make test ARGS="tests/unit -k book".
PYTEST = .venv/bin/pytest $(ARGS)
BENCHES = $(basename $(notdir $(shell grep -l __main__ bench/*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long bench check clean

help:       ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup:      ## everything that make run needs: Debian packages, .venv, native build, kernel cache
	@scripts/setup

run: setup  ## the main job, end to end: pitwire demo
	@.venv/bin/pitwire demo $(ARGS)

test:       ## the tests, in minutes
	@scripts/setup --dev
	@scripts/run-tests $(ARGS)

test-long:  ## those and the long ones: a million bad datagrams, many seeds
	@scripts/setup --dev
	@$(PYTEST) -m "long or not long" --timeout 3600

bench:      ## the benchmarks, short; in full: .venv/bin/python -m bench.core
	@scripts/setup --dev
	@for name in $(BENCHES); do echo "bench.$$name"; .venv/bin/python -m bench.$$name $(or $(ARGS),--messages 100000 --repeats 1) || exit 1; done

check:      ## the quick part, before a commit: style, types, imports, generated files, unit and table tests
	@scripts/setup --dev
	@scripts/lint
	@$(PYTEST) -n 2 --dist loadfile tests/test_tidy.py tests/unit tests/table

clean:      ## remove all that was made, the virtual environment and the kernel cache included
	rm -rf build .venv .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
