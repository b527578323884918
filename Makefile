# Everything runs from .venv, which `make install` fills from the lock files. Needs Python 3.11+, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.yaml

.PHONY: install install-dev install-clients run test test-sockets test-rules test-clients soak lint bench lock image

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
install-clients: $(VENV)/.installed-clients

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/.installed

# Other people's client libraries and servers, for the tests alone. Some of them come as source only.
$(VENV)/.installed-clients: requirements-clients.lock tests/clients/node/package-lock.json | $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-clients.lock
	if command -v npm >/dev/null; then npm ci --prefix tests/clients/node --no-audit --no-fund --silent; \
	else echo "no npm: the Node libraries are skipped"; fi
	touch $@

run: install
	$(BIN)/python -m proxy run -c $(CONFIG)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy proxy
	$(BIN)/lint-imports

# Tests that wait for sockets leave a core free for those that only compute: side by side they take two thirds of the time.
test: lint
	$(MAKE) --jobs=2 --output-sync=target test-sockets test-rules
	$(MAKE) test-clients

test-sockets: install-dev
	$(BIN)/python -m pytest tests/e2e tests/edges

test-rules: install-dev
	$(BIN)/python -m pytest --ignore=tests/e2e --ignore=tests/edges

# They leave sockets open at their end, which is not ours to judge.
test-clients: install-clients
	$(BIN)/python -m pytest tests/clients -W ignore::ResourceWarning -W ignore::DeprecationWarning \
	    -W ignore::pytest.PytestUnraisableExceptionWarning

# A hundred rounds of kill -9 under load; `make test` has three.
soak: install-dev
	OUTRIGGER_SOAK_ROUNDS=100 $(BIN)/python -m pytest tests/e2e/test_webhook_crash.py

# The peer that the figures are ratios to comes from the package index; HAProxy and nginx are used too where they are installed.
bench: install-dev
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-bench.lock
	$(BIN)/python -m bench

# The lock files name no index, so that they hold wherever the packages come from.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --group dev --group clients pyproject.toml -c requirements.lock -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --group more-clients -c requirements-dev.lock -o requirements-clients.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --group bench -o requirements-bench.lock

image:
	docker build -t outrigger .
