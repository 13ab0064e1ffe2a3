# Everything a developer types. `make run` needs Python 3.11 or newer and nothing else.
# DJANGO=6.0 tests with another series of Django than the pinned one, in a new .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: help run test test-long docs plants lab-thrice lint audit package format traffic bench bench-connect bench-time bench-class bench-replay bench-live bench-claim bench-pages drill screenshots storyboard picture bench-letters bench-insight clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## start Flowdeck at http://127.0.0.1:8000 (PORT, FLOWDECK_HOME, WORKERS, RELOAD=1)
	@exec $(BIN)/python -m eda_site.run

test: $(INSTALLED_DEV) ## every test, on SQLite and PostgreSQL (ARGS for pytest)
	@exec $(BIN)/python -m tests.run $(ARGS)

test-long: $(INSTALLED_DEV) ## what takes minutes: attacks, hosts, brokers, a rolling restart
	@DATABASE=postgresql $(BIN)/python -m tests.run --long $(ARGS)

docs: $(INSTALLED_DEV) ## the documentation as a site in var/site, with all links checked
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --clean

lab-thrice: $(INSTALLED_DEV) ## every lesson of the lab three times in Chromium, same outcome
	@LAB_ROUNDS=3 DATABASE=postgresql $(BIN)/python -m tests.run tests/browser/test_lab.py -q

plants: $(INSTALLED_DEV) ## take every mechanism out of a copy and see its test fail (ARGS choose)
	@exec $(BIN)/python -m tests.plants $(ARGS)

lint: $(INSTALLED_DEV) ## style, types, import contracts, templates, event schemas, catalogs, dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates flowdeck/templates
	$(BIN)/python manage.py schemas --check
	$(BIN)/python manage.py flowdeck asyncapi --check asyncapi.json
	$(BIN)/python manage.py flowdeck eventcatalog --check docs/catalog
	$(BIN)/python -m tests.dead_code

package: $(INSTALLED_DEV) ## build wheel and sdist into dist/ and check them with twine
	rm -rf dist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build==1.6.1 twine==7.0.0
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

audit: $(VENV) ## known vulnerabilities of what is installed (asks PyPI, needs the network)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	$(BIN)/pip-audit --requirement requirements.txt

format: $(INSTALLED_DEV) ## put code into the common style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

traffic: $(INSTALLED) ## 20 orders a second for a minute, into a running Flowdeck (ARGS)
	$(BIN)/python manage.py traffic $(ARGS)

bench: $(INSTALLED_DEV) ## measure beside the peers (ARGS)
	$(BIN)/python -m benchmarks $(ARGS)

bench-replay: $(INSTALLED_DEV) ## a million events into all read models, on one core (ARGS)
	$(BIN)/python -m benchmarks.replay $(ARGS)

bench-live: $(INSTALLED_DEV) ## measure live pages in Chromium (ARGS)
	$(BIN)/python -m benchmarks.live $(ARGS)

bench-claim: $(INSTALLED_DEV) ## what one sees of an order from the click on, in Chromium
	$(BIN)/python -m benchmarks.claim

bench-pages: $(INSTALLED_DEV) ## first byte of every page with a million events (ARGS=--sqlite)
	$(BIN)/python -m benchmarks.pages $(ARGS)

bench-connect: $(INSTALLED_DEV) ## outlets and inlets with real brokers, per second (ARGS)
	$(BIN)/python -m benchmarks.connect $(ARGS)

bench-time: $(INSTALLED_DEV) ## calls that overlap beside bare Celery, timers by the 100,000 (ARGS=--share 0.1)
	$(BIN)/python -m benchmarks.timing $(ARGS)

bench-class: $(INSTALLED_DEV) ## thirty learners at once, each with a fault of their own
	$(BIN)/python -m benchmarks.classroom

bench-insight: $(INSTALLED_DEV) ## planted causes in a large log: found first, how fast (ARGS)
	$(BIN)/python -m benchmarks.insight $(ARGS)

bench-letters: $(INSTALLED_DEV) ## 100,000 dead letters: pages and bulk actions (ARGS)
	$(BIN)/python -m benchmarks.letters $(ARGS)

drill: $(INSTALLED_DEV) ## break a running system on purpose (MINUTES, SEED, DATABASE)
	$(BIN)/python -m drill

screenshots: $(INSTALLED_DEV) ## take the pictures of the docs anew
	$(BIN)/python -m docs.screenshots

storyboard: $(INSTALLED_DEV) ## take the pictures of an order's moment anew
	$(BIN)/python -m docs.storyboard

picture: $(INSTALLED_DEV) ## draw docs/architecture.svg anew, from the imports
	$(BIN)/python -m docs.architecture

clean: ## remove what was installed and written
	rm -rf $(VENV) var

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Flowdeck needs Python 3.11 or newer; set PYTHON=python3.11 or so."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip # one of today chooses versions twice as fast

$(INSTALLED): requirements.txt | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt requirements.txt | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
ifdef DJANGO
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "Django~=$(DJANGO).0"
endif
	@touch $(INSTALLED) $@
