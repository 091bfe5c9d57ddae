# One verb per chore. Everything is made inside this folder (.venv, .venv-newest, widgets/front/node_modules).
# Every path is relative, so the folder's own name may contain spaces.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab test slow check front bench bench-faults peers newest pins clean setup node

PY := .venv/bin/python
FRONT := widgets/front
STATIC := widgets/vergence_widgets/static

# PYTHON=... the interpreter to make .venv with; ARGS=... goes to pytest; LAB_ARGS=... to JupyterLab.
PYTHON ?=
ARGS ?=
export PYTHON
export LAB_ARGS
# torch's OpenMP threads spin while they wait and starve the browser on the same cores.
export OMP_WAIT_POLICY := PASSIVE
# Somebody's own module path must not reach into .venv.
unexport PYTHONPATH PYTHONHOME

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

lab: setup ## JupyterLab on the first notebook (sets everything up the first time)
	@$(PY) tools/lab.py

test: setup ## every quick test, the ones in a real browser too
	@chromium=$$($(PY) tools/browser.py) || exit 1; export CHROMIUM="$$chromium"; failed=0; \
	echo "quick tests without a browser, two at a time"; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist worksteal -m "not slow and not browser" $(ARGS) || failed=1; \
	echo "quick tests in $$chromium"; \
	$(PY) -m pytest -q -m "browser and not slow" $(ARGS) || failed=1; \
	exit $$failed

slow: setup ## the tests that take minutes
	@chromium=$$($(PY) tools/browser.py) || exit 1; export CHROMIUM="$$chromium"; failed=0; \
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile -m "slow and not browser" --ignore=tests/drivers $(ARGS) || failed=1; \
	echo "kernels and $$chromium, one at a time"; \
	$(PY) -m pytest -q -m slow tests/drivers tests/browser $(ARGS) || failed=1; \
	exit $$failed

check: setup $(FRONT)/node_modules/.installed ## format, lint, types, floors, and the bundle rebuilt and compared
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m mypy tools
	$(PY) -c "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
	cd $(FRONT) && npm run --silent check
	cd $(FRONT) && npm test --silent
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && \
	(cd $(FRONT) && VERGENCE_STATIC="$$new" npm run --silent build) && \
	if diff -r "$$new" $(STATIC); then echo "the committed bundle is the one the sources build"; \
	else echo "$(STATIC) is not what $(FRONT) builds. Type: make front   and commit both." >&2; exit 1; fi

front: $(FRONT)/node_modules/.installed ## build the browser bundle in place
	cd $(FRONT) && npm run --silent build

$(FRONT)/node_modules/.installed: $(FRONT)/package-lock.json | node
	@cd $(FRONT) && npm ci --no-audit --no-fund || { \
	echo "npm could not install what the front end is built with; its own words stand above." >&2; \
	echo "A broken connection: type make again. Behind a proxy: export HTTPS_PROXY=http://your.proxy:port first." >&2; \
	exit 1; }
	@touch $@

node:
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || { \
	echo "The front end is built with Node.js 20 or newer and npm; here is: $$(node --version 2>/dev/null || echo no node)." >&2; \
	echo "On Debian or Ubuntu type: sudo apt-get install nodejs npm   On macOS: brew install node   Then type make again." >&2; \
	exit 1; }

bench: setup ## measure; ARGS="live --quick" picks one of losses, metrics, projections, overhead, live, failures, known_truth, suspicion
	@mkdir -p bench/results; chromium=$$($(PY) tools/browser.py) || exit 1; export CHROMIUM="$$chromium"; \
	set -- $(ARGS); if [ $$# -gt 0 ]; then name="$$1"; shift; exec $(PY) "bench/$$name.py" "$$@"; fi; \
	failed=0; for name in losses metrics projections overhead live; do \
	echo "bench/$$name.py"; $(PY) "bench/$$name.py" || failed=1; done; exit $$failed

bench-faults: setup ## faults put into small runs, and what the diagnosis makes of them; ARGS="--full" all of it, ARGS=--rescore trains nothing
	@mkdir -p bench/results; OMP_NUM_THREADS=1 $(PY) bench/faults.py $(ARGS)

peers: setup ## .venv-peers: the libraries that make bench ARGS=losses compares with, about 6 GB
	@$(PY) bench/peers.py

newest: ## the browser and driver tests against the newest Jupyter packages, in .venv-newest
	@sh tools/setup.sh newest
	@chromium=$$(.venv-newest/bin/python tools/browser.py) || exit 1; \
	CHROMIUM="$$chromium" .venv-newest/bin/python -m pytest -q tests/browser tests/drivers $(ARGS)

pins: setup ## choose the newest releases that fit pyproject.toml and write constraints.txt
	@$(PY) tools/pins.py

clean: ## remove everything that make has made; notebooks and recorded runs stay
	rm -rf .venv .venv-newest .venv-peers .setup.lock $(FRONT)/node_modules bench/results dist build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find toolkit widgets tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@sh tools/setup.sh
