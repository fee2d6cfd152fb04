# Needs make, Python 3.11 or newer, and a package index; everything else is fetched.
PYTHON ?= $(shell for one in python3.11 python3.12 python3.13 python3; do $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
RUN = .venv/bin/python -m

.PHONY: up test venv check soak bench words lock advisories

up: venv
	@exec $(RUN) portal up

# All of it, or one PART: files, folders, or a name from below.
test: venv
	@$(RUN) tests.browser.provide
	@$(RUN) pytest -m "not soak" -n 3 --dist loadfile --no-loadscope-reorder $(or $($(PART)),$(PART))

# From a sign-up to synced orders of one marketplace: the skeleton, people, the wizard, the engine, pages, commands, and the journeys there.
# Long proofs of what came later (storms of crashes, backups, a marketplace added) stand in the same folders and are no part of it.
first-sync = tests/test_*.py tests/core tests/postgres tests/up tests/web tests/home tests/people tests/accounts tests/runs tests/orders \
	$(filter-out %crashes.py,$(wildcard tests/syncing/test_*.py)) \
	$(filter-out %backup.py %marketplace.py,$(wildcard tests/commands/test_*.py)) tests/connecting/test_*ing.py tests/connecting/test_pages.py \
	$(addprefix tests/marketplaces/amazon_in/test_,client.py keys.py models.py orders.py sandbox.py validate.py wire.py wire_orders.py) \
	$(addprefix tests/browser/test_,people.py wizard.py connecting_and_syncing.py live_syncs.py history.py)

# Tests start the portal a hundred times; without its bytecode every start would compile it again.
unexport PYTHONDONTWRITEBYTECODE

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
