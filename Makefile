# Two commands need to be known: `make book` and `make test`. Each sets itself up; the programs are in tools/.
PY = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup book serve pdf pages test lint bench alone audit new-chapter new-model set-repository vendor clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{printf "%-24s%s\n", $$1, $$2}'

setup: ## make .venv and install what is pinned (the others call it)
	@sh tools/setup.sh

book: setup ## execute the chapters, build the HTML, print its address
	@$(PY) -m tools.book

serve: book ## show the book at a loopback address (PORT=8000)
	@$(PY) -m tools.serve $(or $(PORT),8000)

pdf: book ## print each page into _build/pdf by the browser (ARGS=06_s4)
	@$(PY) -m tools.paper $(ARGS)

pages: book ## weigh and time each page in the browser (ARGS=--shots photographs them, too)
	@$(PY) -m tools.pages $(ARGS)

test: setup ## build the book if needed, then run every test (ARGS="-k scan")
	@$(PY) -m tools.check $(ARGS)

lint: setup ## ruff on code and notebooks, mypy on the library
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

bench: setup ## measure the library on this machine
	@mkdir -p book/results && $(PY) -m ssm_lib bench --save book/results $(ARGS)

alone: setup ## run each chapter by itself, with the oldest and the pinned packages (ARGS=05)
	@$(PY) -m tools.alone $(ARGS)

audit: setup ## compare all that .venv holds with the package index's advisories (fetches pip-audit)
	@test -x _build/audit/bin/pip-audit || { $(PY) -m venv _build/audit && _build/audit/bin/pip install -q pip-audit; }
	@$(PY) -m pip freeze --exclude-editable | sed 's/+.*//' > _build/audit/frozen.txt
	@_build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement _build/audit/frozen.txt

new-chapter: setup ## start a chapter: NAME=15_selection TITLE="Selection"
	@$(PY) -m tools.new chapter "$(NAME)" "$(TITLE)"

new-model: setup ## start a model and its layer: NAME=EMA
	@$(PY) -m tools.new model "$(NAME)"

set-repository: setup ## write the publisher's repository everywhere: URL=https://github.com/me/ssm-book
	@$(PY) -m tools.repository "$(URL)"

vendor: setup ## fetch the vendored scripts again (needs npm)
	@$(PY) -m tools.vendor

clean: ## remove what was built (.venv stays)
	rm -rf _build book/equations.md book/field_map.html book/index_of_things.md book/results.md .pytest_cache .mypy_cache .ruff_cache .coverage
