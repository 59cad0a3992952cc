# make demo | up | test | test-services | screenshots | crash | core | lint | bench | lock: everything goes into .venv, from the lock.
PYTHON ?= python3.11
PORT ?= 8000
SIM_PORT ?= 8900
BIN := .venv/bin
SEEDS ?= 3
SEED ?= 1
SWEEP ?= $(SEED)
PROFILES ?= sqlite redis rabbitmq
JOBS ?= 3
SHARE ?= 0
LOCKS := requirements.txt requirements-dev.txt

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo up test test-services screenshots crash core lint format bench lock clean

help:
	@sed -n 's/^# make /make /p' Makefile

install: .venv/.installed
install-dev: .venv/.installed-dev

.venv/bin/python:
	@scripts/make-venv $(PYTHON)

.venv/.installed: requirements.txt pyproject.toml | .venv/bin/python
	@scripts/install requirements.txt
	@touch $@

.venv/.installed-dev: $(LOCKS) pyproject.toml | .venv/.installed
	@scripts/install requirements-dev.txt
	@touch $@

demo: install
	@$(BIN)/tieback demo --port $(PORT) --sim-port $(SIM_PORT)

up: install
	@exec $(BIN)/tieback demo --stay --port $(PORT) --sim-port $(SIM_PORT)

test: install-dev
	@$(BIN)/pytest -m "not services" -n auto

test-services: install-dev
	@scripts/need-services
	@$(BIN)/pytest -m services -n auto

screenshots: install-dev
	@$(BIN)/python -m tests.console.web.screenshots

crash: install-dev
	@TIEBACK_SWEEP=$(SWEEP) $(BIN)/pytest tests/crash -m "not services" -n auto
	@[ "$(PROFILES)" = sqlite ] || scripts/need-services
	@$(BIN)/python -m tests.crash.lab --in-turn --seeds $(SEEDS) --seed $(SEED) --profiles $(PROFILES) --jobs $(JOBS) $(if $(RECORD),--record $(RECORD))

core: install-dev
	@$(BIN)/python -m tests.core --share $(SHARE) --seed $(SEED)

lint: install-dev
	@scripts/check

format: install-dev
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: install-dev
	@$(BIN)/python -m bench $(BENCH)

lock:
	@scripts/lock

clean:
	rm -rf .venv var build *.egg-info
