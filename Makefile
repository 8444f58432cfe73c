# Two commands do everything on a machine with Python 3.11 and a package index:
#   make demo     install, run the whole loop on the embedded model, end in demo/report.html
#   make test     install, run the tests
PYTHON ?= python3.11
VENV ?= .venv
OUT ?= demo
WORKERS ?= auto
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
READY := $(VENV)/.ready
LINTED := src tests benchmarks

.PHONY: install demo test lint types clean

install: $(READY)

# torch first and pinned: a looser request may pull gigabytes of CUDA. MediaPipe without its dependencies:
# it pins numpy < 2 and brings an OpenCV that wants libGL, which a bare server lacks; it runs without both.
# So does rtmlib, for the tests of DWPose.
$(READY): pyproject.toml requirements/photos.txt Makefile
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet torch==2.13.0
	$(PIP) install --quiet --editable ".[dev]"
	$(PIP) install --quiet --requirement requirements/photos.txt
	$(PIP) install --quiet --no-deps mediapipe==0.10.21 rtmlib==0.0.16
	touch $(READY)

demo: $(READY)
	$(BIN)/asap demo --out $(OUT)
	@echo "open $(OUT)/report.html"

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

lint: $(READY)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)

types: $(READY)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache
