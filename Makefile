# Requires Python 3.11 or newer, make and pip. Every package is installed in the version, and from the file, that requirements/ names.
PYTHON ?= python3
BIN := .venv/bin
LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# The build of torch for the CPU where pip finds it, else that of the package index. Another one: make demo TORCH='torch==2.13.0 --index-url ADDRESS'
TORCH ?=

.PHONY: demo test slow hostile bench bench-gpu generated lock clean

demo: .venv/installed
	$(BIN)/linksim run quickstart --out results/quickstart --overwrite
	@echo "To use linksim in this shell: source $(BIN)/activate"

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# The tests that `make test` leaves out because they take long. Continuous integration runs both.
slow: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# The whole hostile-input campaign, of which `make test` runs a sample (docs/reliability.md).
hostile: .venv/installed-dev
	LINKSIM_HOSTILE=whole $(BIN)/python -m pytest -n 2 --dist loadfile tests/hostile

bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

# Needs a CUDA build of torch and a GPU; ten minutes at most.
bench-gpu: .venv/installed-dev
	$(BIN)/python -m benchmarks.gpu

# The JSON schema of scenario files and the option tables in the documentation, after a change of options.
generated: .venv/installed
	$(BIN)/linksim schema > scenarios/scenario.schema.json
	$(BIN)/python -c "from pathlib import Path; from linksim.catalogue import refresh; p = Path('docs/scenario.md'); p.write_text(refresh(p.read_text()))"

# The files of requirements/, after a change of the dependencies in pyproject.toml. Requires uv.
lock:
	$(PYTHON) requirements/lock.py

# A CPU build of torch has a version such as 2.13.0+cpu and needs no CUDA libraries.
.venv/installed: pyproject.toml $(addprefix requirements/,torch.txt torch-cpu.txt cuda.txt run.txt)
	$(PYTHON) -m venv .venv
ifeq ($(TORCH),)
	$(LOCKED) --no-deps -r requirements/torch-cpu.txt 2>/dev/null || $(LOCKED) --no-deps -r requirements/torch.txt
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(TORCH)
endif
	$(LOCKED) --no-deps -r requirements/run.txt
	$(BIN)/python -c "from importlib.metadata import version as v; raise SystemExit('+cpu' not in v('torch'))" || $(LOCKED) --no-deps -r requirements/cuda.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt
	$(LOCKED) --no-deps -r requirements/dev.txt
	touch $@

clean:
	rm -rf .venv
