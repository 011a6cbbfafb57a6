# make demo     run the digit reader across one orchestrator and three supervisors
# make web      fetch what the web page uses in the browser (npm); part of demo and test
# make bench    run all benchmarks and write build/benchmarks/index.html
# make figures quote what make bench found in the README and in docs/
# make docs     the documentation as pages, in build/site
# make fuzz     try inputs of every kind for FUZZ_SECONDS (600); PARTS=wasm for one kind
# make test     lint, types, import contracts and all tests
# Everything is installed into .venv; `make clean` removes it.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done)
VENV := .venv
BIN := $(VENV)/bin
UI := orchestrator_app/ui
FUZZ_SECONDS ?= 600
WORKERS ?= 3
WOTPY := .cache/wotpy
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MADE_FROM := pyproject.toml constraints.txt

# Hundreds of servers are started by the tests, and each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo web docs test lint modules bench figures fuzz constraints clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(VENV)/demo.stamp $(VENV)/web.stamp
	@$(BIN)/python examples/digit-reader/demo.py

web: $(VENV)/web.stamp

docs: $(VENV)/dev.stamp
	$(BIN)/python docs/generate.py
	$(BIN)/python -m wasmiot_td.command_reference docs/cli.md
	$(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

# One worker more than the least machine has cores: there is always one that waits for a server.
test: lint $(VENV)/web.stamp $(VENV)/interop.stamp $(VENV)/wotpy.stamp
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/build.py examples/digit-reader
	$(BIN)/lint-imports

modules: $(VENV)/dev.stamp
	$(BIN)/python examples/build.py

bench: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/page.py

figures: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/figures.py

fuzz: $(VENV)/fuzz.stamp
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python tests/fuzz/long_run.py $(PARTS)

# Chooses the newest versions that pyproject.toml allows and writes them down.
constraints: $(VENV)/python.stamp
	rm -rf $(VENV)/newest && $(BIN)/python -m venv $(VENV)/newest
	$(VENV)/newest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[supervisor,orchestrator,telemetry,dev,fuzz]'
	$(VENV)/newest/bin/python -m pip freeze --exclude-editable > constraints.txt
	rm -rf $(VENV)/newest

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python.stamp:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "wasmiot needs Python 3.11 or newer, and found none; try make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks the venv module; on Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.stamp: $(VENV)/python.stamp $(MADE_FROM)
	@echo "installing wasmiot[supervisor,orchestrator] into $(VENV)"
	@$(INSTALL) -e '.[supervisor,orchestrator]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp $(MADE_FROM)
	@echo "installing wasmiot[supervisor,orchestrator,telemetry,dev] into $(VENV)"
	@$(INSTALL) -e '.[supervisor,orchestrator,telemetry,dev]'
	@touch $@ $(VENV)/demo.stamp

$(VENV)/fuzz.stamp: $(VENV)/dev.stamp
	@$(INSTALL) -e '.[supervisor,orchestrator,telemetry,dev,fuzz]' || \
		echo "atheris could not be installed, so inputs are not guided by what is covered."
	@touch $@

# Without npm the pages work without drawing and editor.
$(VENV)/web.stamp: $(VENV)/python.stamp $(UI)/package.json $(UI)/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "fetching the libraries of the web page" && cd $(UI) && \
		npm ci --silent --ignore-scripts --no-audit --no-fund && npm run --silent vendor && touch $(CURDIR)/$@ || \
		echo "npm could not fetch them, so the web page has no drawing and no query editor."; \
	else echo "npm is missing (apt install npm), so the web page has no drawing and no query editor."; fi

# Foreign clients for the tests; without npm those tests are skipped, and say so.
$(VENV)/interop.stamp: $(VENV)/python.stamp tests/interop/package.json tests/interop/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "fetching the foreign clients of the tests" && cd tests/interop && \
		npm ci --silent --ignore-scripts --no-audit --no-fund && touch $(CURDIR)/$@ || true; fi

# Another foreign client, whose libraries are of other versions than ours.
$(VENV)/wotpy.stamp: $(VENV)/python.stamp tests/interop/wotpy.txt
	@echo "installing wotpy into $(WOTPY)"; rm -rf $(WOTPY) && $(BIN)/python -m venv $(WOTPY) && \
		$(WOTPY)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		--no-deps --requirement tests/interop/wotpy.txt && touch $@ || \
		{ rm -rf $(WOTPY); echo "wotpy could not be installed, so its test is skipped."; }
