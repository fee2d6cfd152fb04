# Needs make, Python 3.11 or newer, and a package index; everything else is fetched.
PYTHON ?= $(shell for one in python3.11 python3.12 python3.13 python3; do $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
RUN = .venv/bin/python -m

.PHONY: up test venv check soak bench words lock advisories

up: venv
	@exec $(RUN) portal up

test: venv
	@$(RUN) tests.browser.provide
	@$(RUN) pytest -m "not soak" -n 3 --dist loadfile --no-loadscope-reorder

check: venv
	@$(RUN) ruff format --check . && $(RUN) ruff check . && $(RUN) mypy
	@$(RUN) djlint --lint --quiet templates && $(RUN) portal migrate --check
	@$(RUN) tests.supply audit

soak: venv
	@$(RUN) tests.browser.provide
	@$(RUN) pytest -m soak

bench: venv
	@$(RUN) tests.bench

words: venv
	@$(RUN) tests.words

venv: .venv/locked

.venv/locked: requirements.lock
	@$(if $(PYTHON),,echo "No Python 3.11 or newer was found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1;) test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@echo "Installing the locked packages" && $(RUN) pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && touch $@

# Needs a network; `make check` reads what it leaves behind.
advisories: venv
	@$(RUN) tests.supply advisories

lock:
	uv pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes -o requirements.lock
	@$(RUN) tests.supply licences
