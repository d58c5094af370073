# Every target does its own set-up: it needs only make and Python 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: page train results test check docs face clean

$(READY): requirements.txt pyproject.toml setup.py
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11 to 3.13 is needed; set PYTHON=..."'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

page: $(READY)  ## photo to face in the browser, with the weights of the package
	$(BIN)/python scripts/explore.py

train: $(READY)  ## generate the faces, train, evaluate, draw and export
	$(BIN)/python scripts/train.py

results: $(READY)  ## the paper's experiments, 8 hours; the same command resumes (QUICK=1: an hour and a half)
	$(BIN)/python scripts/reproduce.py $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(AFLW),--aflw $(AFLW))

test: $(READY)  ## every test
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

check: $(READY)  ## before each commit: style, types and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tf_nonlinear3dmm
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

docs: $(READY)  ## the pages and the API reference, as site/index.html
	$(BIN)/mkdocs build --strict

face: $(READY)  ## rebuild the embedded face from its CC0 source and compare
	$(BIN)/python scripts/maintenance/build_face_model.py --check
	$(BIN)/python scripts/maintenance/build_detector.py --check

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache site
