# Requires Python 3.11 or newer, make and pip.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench generated clean

demo: .venv/installed
	$(BIN)/linksim run quickstart --out results/quickstart --overwrite

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: .venv/installed
	$(BIN)/python -m benchmarks

# The JSON schema of scenario files and the option tables in the documentation, after a change of options.
generated: .venv/installed
	$(BIN)/linksim schema > scenarios/scenario.schema.json
	$(BIN)/python -c "from pathlib import Path; from linksim.catalogue import refresh; p = Path('docs/scenario.md'); p.write_text(refresh(p.read_text()))"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv
