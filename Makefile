# Every target makes the environment it needs in .venv, once; nothing but Python >= 3.11 is expected.
#   make demo    the example programs, run by tidu
#   make test    all tests
#   make check   format, lint, types, architecture and the fast tests
#   make gallery the pages of docs/gallery, into demo-output/gallery
#   make bench   tidu beside PyTorch and the other libraries found: a table to paste
#   make clean   remove whatever the targets above made
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV ?= .venv
JOBS ?= 2
BENCH ?=
PY := $(VENV)/bin/python
TORCH := 2.13.0

.PHONY: gallery help demo test check format lint types architecture fast-tests bench bench-operators clean

help:
	@sed -n 's/^#   //p' Makefile

# Stamps: an extra is installed again when pyproject.toml changes, and only then.
$(VENV)/bin/python:
	@bash tools/make_venv.sh $(VENV)

$(VENV)/.stamp-demo: pyproject.toml | $(PY)
	@echo "Installing tidu[demo] into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.stamp-dev: pyproject.toml | $(PY)
	@echo "Installing tidu[dev] into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.stamp-demo

$(VENV)/.stamp-torch: $(VENV)/.stamp-demo
	@echo "Installing torch==$(TORCH) into $(VENV): the benchmark compares with it (tidu itself never imports it)"
	@$(PY) -m pip install --quiet --disable-pip-version-check torch==$(TORCH)
	@touch $@

demo: $(VENV)/.stamp-demo
	@set -e; for script in examples/seeds/*.py examples/digits.py; do \
		echo; echo "== tidu run $$script"; $(VENV)/bin/tidu run $$script; done

gallery: $(VENV)/.stamp-demo
	@$(PY) docs/gallery/build.py demo-output/gallery

test: $(VENV)/.stamp-dev
	$(PY) -m pytest -q -n $(JOBS)

check: format lint types fast-tests

format: $(VENV)/.stamp-dev
	$(PY) -m ruff format --check .

lint: $(VENV)/.stamp-dev
	$(PY) -m ruff check .

types: $(VENV)/.stamp-dev
	$(PY) -m mypy

architecture: $(VENV)/.stamp-dev
	$(PY) -m pytest -q -n $(JOBS) tests/architecture

fast-tests: $(VENV)/.stamp-dev
	$(PY) -m pytest -q -n $(JOBS) -m "not slow" --ignore=tests/reference

bench: $(VENV)/.stamp-torch
	$(PY) benchmarks/run.py $(BENCH)

bench-operators: $(VENV)/.stamp-torch
	$(PY) benchmarks/operators.py $(BENCH)

clean:
	rm -rf .venv build dist demo-output .pytest_cache .ruff_cache .mypy_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
