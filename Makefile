# Thin on purpose: what a target does stands in scripts/.
.DEFAULT_GOAL := help
.PHONY: help run test test-faults bench check lint format lock dev compose-check
ARGS ?=

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

run: ## Start Postmortem with the demo cases (PORT=8000)
	@python3 scripts/bootstrap.py
	@exec .venv/bin/python manage.py up --demo $(if $(PORT),--port $(PORT))

test: dev ## Check and test everything on PostgreSQL and on the embedded default
	@exec .venv/bin/python scripts/test.py $(ARGS)

test-faults: dev ## Minutes of kills, lost connections and crowds, on PostgreSQL and Redis
	@exec .venv/bin/python scripts/test.py --faults $(ARGS)

check: dev ## Everything `make test` does before the tests
	@exec .venv/bin/python scripts/test.py --checks-only

bench: dev ## Measure pages on 500,000 entries (ARGS="--incidents 100000 --entries 5000000")
	@exec .venv/bin/python scripts/bench.py $(ARGS)

lint: dev ## Format check, lint and import contracts only: seconds
	@exec .venv/bin/python scripts/test.py --lint-only

format: dev ## Format the Python files and fix what ruff can fix
	@.venv/bin/python -m ruff check --fix-only -q .
	@.venv/bin/python -m ruff format -q .

compose-check: dev ## Start what docker-compose.yml says, without an engine
	@exec .venv/bin/python scripts/compose_check.py $(ARGS)

lock: dev ## Rewrite requirements/*.txt from *.in
	@sh scripts/lock.sh

dev: ## Install what tests and checks need
	@python3 scripts/bootstrap.py --dev
