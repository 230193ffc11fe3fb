PYTHON ?= python3

.PHONY: install lint test check clean

install:  ## pqnlp in place, with what tests and style checks need
	$(PYTHON) -m pip install -e '.[test,dev]'

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

test:
	$(PYTHON) -m pytest

check: lint test  ## all that must pass before a change is merged
	$(PYTHON) -m pqnlp --help > /dev/null

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
