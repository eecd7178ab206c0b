# Everything here runs on a machine that has Python 3.11 or newer, pip, git and make; `make demo` and `make test` set up .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test lint docs bench clean

demo: $(VENV)/demo.stamp
	$(BIN)/geodrift generate graphs --preset qm9 -n 64 --seed 0 --overwrite --out demo/molecules
	$(BIN)/geodrift generate graphs --preset community-small -n 64 --seed 0 --overwrite --out demo/graphs
	$(BIN)/geodrift generate crystals --preset perov-csp -n 16 --condition formula=SrTiO3 --seed 0 --overwrite --out demo/crystals
	$(BIN)/geodrift generate mri3d --preset ixi-4mm -n 8 --condition age=70 --seed 0 --overwrite --out demo/brains
	@echo "Open the report.html of demo/molecules, demo/graphs, demo/crystals and demo/brains in a browser."

test: lint
	$(BIN)/python -m pytest -q

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/dev.stamp
	for script in benchmarks/*.py; do echo "$$script" && $(BIN)/python "$$script" || exit 1; done

clean:
	rm -rf build demo dist site .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing geodrift[graphs,crystals,mri3d] into $(VENV) (some minutes the first time)"
	$(INSTALL) ".[graphs,crystals,mri3d]"
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing geodrift[graphs,crystals,mri3d,parquet,dask,dev] into $(VENV) (some minutes the first time)"
	$(INSTALL) ".[graphs,crystals,mri3d,parquet,dask,dev]"
	@touch $@ $(VENV)/demo.stamp

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
