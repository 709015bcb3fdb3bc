# The daily verbs. Everything about a stack is `.venv/bin/tfk8s VERB STACK`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
LOCKS := requirements-dev.txt tools/uv.txt
# Set in some environments; compiling TensorFlow's modules anew at every start costs seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: host up down status app test e2e bench evidence lint lock clean help

# `make` itself and python3 are the only things a machine must have; ensurepip may be a package of its own on Debian.
$(VENV)/.ready: $(LOCKS) pyproject.toml
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { echo 'installing python3-venv'; apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; } || { echo 'error: python3 has no venv module and it could not be installed. Install python3-venv, then run the command again.' >&2; exit 1; }
	@[ -x $(VENV)/bin/uv ] || { python3 -m venv $(VENV) && $(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r tools/uv.txt; }
	@$(VENV)/bin/uv pip sync -q --python $(PYTHON) --require-hashes requirements-dev.txt
	@$(VENV)/bin/uv pip install -q --python $(PYTHON) --no-deps --no-build-isolation -e .
	@touch $@

CHECKOV := $(VENV)/checkov
$(CHECKOV)/.ready: tools/checkov.txt | $(VENV)/.ready
	@$(VENV)/bin/uv venv -q --clear --python $(PYTHON) $(CHECKOV)
	@$(VENV)/bin/uv pip sync -q --python $(CHECKOV)/bin/python --require-hashes tools/checkov.txt
	@touch $@

host:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: python3 is $$(python3 -V 2>&1); 3.11 or newer is needed" >&2; exit 1; }
	@python3 -m local.host

up: host $(VENV)/.ready  ## build, train, serve and predict with the stack `local` on the embedded cluster
	@$(PYTHON) -m local up

down: $(VENV)/.ready  ## stop the embedded cluster and remove all it made, models included
	@$(PYTHON) -m local down

app: $(VENV)/.ready  ## the example page: draw a digit, see the served answer
	@$(PYTHON) -m local app

status: $(VENV)/.ready  ## what runs on the embedded cluster
	@$(PYTHON) -m local status

test: $(VENV)/.ready  ## unit tests: no cluster, no network, no engine
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

e2e: $(VENV)/.ready  ## end-to-end tests on the embedded cluster
	@$(PYTHON) -m pytest -v tests/e2e

bench: $(VENV)/.ready  ## figures that take long: rollouts of 800 pods, cost of a resource, ten times up and down
	@$(PYTHON) -m pytest -s tests/bench

evidence: $(VENV)/.ready  ## requests lost while versions change, pods come and go: docs/evidence.md
	@$(PYTHON) -m pytest -s tests/evidence

lint: $(VENV)/.ready $(CHECKOV)/.ready  ## format, lint, strict types, layers, rendered manifests
	@$(VENV)/bin/ruff format --check -q . && $(VENV)/bin/ruff check -q . && $(VENV)/bin/lint-imports && $(VENV)/bin/basedpyright && $(PYTHON) -m tests.lint.manifests $(CHECKOV)/bin/checkov

UV_LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
OF_TENSORFLOW := absl-py grpcio numpy packaging protobuf setuptools typing-extensions
lock: $(VENV)/.ready  ## write the lock files again from pyproject.toml
	@cd $(CURDIR) && export PATH=$(CURDIR)/$(VENV)/bin:$$PATH && \
	$(UV_LOCK) pyproject.toml -o requirements.txt && \
	$(UV_LOCK) pyproject.toml --group training --group tensorflow --group report --group app --group local --group test --group lint --group build -c requirements.txt -o requirements-dev.txt && \
	$(UV_LOCK) --group pyproject.toml:training -c requirements-dev.txt -o training/requirements.txt && \
	$(UV_LOCK) --group pyproject.toml:training --group pyproject.toml:tensorflow -c requirements-dev.txt -o training/requirements-tensorflow.txt && \
	$(UV_LOCK) --group pyproject.toml:tensorboard $(addprefix --no-emit-package ,$(OF_TENSORFLOW)) -c requirements-dev.txt -o training/requirements-tensorboard.txt && \
	$(UV_LOCK) --group pyproject.toml:checkov -o tools/checkov.txt && \
	awk '/^uv==/ {found = 1; print; next} found && /--hash/ {print; next} found {exit}' requirements-dev.txt > tools/uv.txt

clean: $(VENV)/.ready  ## `down`, then remove what the project put into this checkout and its caches
	@$(PYTHON) -m local clean
	@rm -rf $(VENV) .local .pytest_cache .ruff_cache .hypothesis .import_linter_cache

help:  ## this list
	@awk -F ':.*##' '/^[a-z0-9]+:.*##/ {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
