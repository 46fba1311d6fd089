# Everything needs python3 and make alone; the rest is installed into .venv and .venv-dev.

PYTHON ?= python3
DEV := .venv-dev
PIP := $(DEV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-all lint fuzz hostile wheel matrix audit bench fit tables docs site clean

demo: .venv/installed  ## install into .venv and run the demo
	@echo "nphylo is installed in .venv: run .venv/bin/nphylo, or 'source .venv/bin/activate' and then nphylo."
	@echo
	.venv/bin/nphylo demo

test: $(DEV)/installed  ## the fast suite, as CI runs it
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest -m "not slow" -n auto --dist loadfile

test-all: $(DEV)/installed  ## the slow tests too
	$(DEV)/bin/python -m pytest

fuzz: $(DEV)/installed  ## two minutes of mutated inputs for the readers that were run least, guided by coverage where atheris installs
	-$(PIP) -r requirements/fuzz.txt
	PYTHONPATH=src $(DEV)/bin/python tests/fuzz/run.py --seconds 120

hostile: $(DEV)/installed  ## every hostile input through the command line: exit code, seconds, memory, output
	$(DEV)/bin/python tests/hostile/run_corpus.py

wheel: $(DEV)/installed  ## the wheel, built twice: the bytes must be the same, and a bill of materials in it
	$(DEV)/bin/python release/sbom.py --check
	$(DEV)/bin/python release/wheel.py

matrix: $(DEV)/installed  ## install the wheel under each Python that is here, with the oldest and the newest dependencies
	$(DEV)/bin/python release/matrix.py

audit: $(DEV)/installed  ## known vulnerabilities of what is pinned; status 3 where the registry does not answer
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet -r requirements/audit.txt
	.venv-audit/bin/python release/audit.py requirements/dev.txt

lint: $(DEV)/installed  ## format, lint, types
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy

bench: $(DEV)/installed  ## speed and memory against a plain read; false positives; time of every method and of whole collections
	$(DEV)/bin/python benchmarks/speed.py
	$(DEV)/bin/nphylo lab table unrelated
	$(DEV)/bin/python benchmarks/methods_speed.py
	$(DEV)/bin/python benchmarks/collections_speed.py --repeat 3
	$(DEV)/bin/python benchmarks/large_families.py
	$(DEV)/bin/python benchmarks/report_speed.py
	$(DEV)/bin/python benchmarks/compare_speed.py

fit: $(DEV)/installed  ## every shipped parameter file but the network, on families that it was not trained on: half an hour of a core
	$(DEV)/bin/nphylo lab fit --work scratch/fits

# SUITES: cached collections of all seeds (docs/benchmark.md; the repository has one seed a cell, and pages of fewer
# collections are not meant to be committed). BATCHES: a folder with tiny/ and wide/, by nphylo lab families make.
SUITES ?= benchmarks/data
BATCHES ?= scratch/batches
FAMILIES = $(foreach name,batches:tiny wide:wide,$(addprefix --$(firstword $(subst :, ,$(name))) ,$(wildcard $(BATCHES)/$(lastword $(subst :, ,$(name))))))

tables: $(DEV)/installed  ## the pages of docs/tables that need no training: an hour of a core; SUITES=FOLDER BATCHES=FOLDER
	$(DEV)/bin/nphylo lab bench run paper mixed generations strangers wild quick --data $(SUITES) --out scratch/results
	$(DEV)/bin/nphylo lab bench report --results scratch/results --out docs/tables
	set -e; for table in reviewers direction confidence ablation; do \
		$(DEV)/bin/nphylo lab table $$table --data $(SUITES) $(FAMILIES) --out docs/tables; done

docs: $(DEV)/installed  ## write docs/cli.md from the help texts, docs/api.md and docs/thresholds.md from the docstrings, and the outputs that README.md and the walkthrough quote
	$(DEV)/bin/python docs/make_cli.py
	$(DEV)/bin/python docs/make_api.py
	$(DEV)/bin/python docs/make_thresholds.py
	$(DEV)/bin/python docs/make_tutorial.py
	$(DEV)/bin/python docs/make_pictures.py
	$(DEV)/bin/python docs/make_examples.py $(wildcard $(NPHYLO_SHARED)/wild/esl-lenet5)

site: $(DEV)/installed  ## the pages of docs/ as a site in build/site; a warning fails
	$(DEV)/bin/mkdocs build --strict --quiet

clean:
	rm -rf .venv $(DEV)

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check ".[all]"
	touch $@

$(DEV)/installed: pyproject.toml requirements/dev.txt
	$(PYTHON) -m venv $(DEV)
	$(PIP) -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@
