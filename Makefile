# Everything one does here. `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv

ORDERS ?= 3000
SEEDS ?= 1000
SEED ?=
ONLY ?=
REPLICAS ?=
CHANNEL ?=
ENGINE ?=

BIN := $(VENV)/bin
# What is newer than these files is done again, and nothing else is.
INSTALLED := $(VENV)/.installed
GENERATED := $(VENV)/.generated
# The contracts as buf reads them. Folders are listed too: they change when a file comes or goes.
IMAGE := $(VENV)/contracts.binpb
PROTOS := $(shell find protos)
WRITE_IMAGE := from sys import argv; from pathlib import Path; from orchestrator.cli.loading.protoc import write_image; \
	write_image(Path(argv[1]), Path(argv[2]))

# What Go builds from source, once for all copies of this repository; the tests find it there, or on the PATH.
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/saga-orchestrator/bin
GO_SOURCE = $$(go mod download -json $(1) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p')

# Recipes, and the processes that they start, find the commands of the virtual environment first.
export PATH := $(abspath $(BIN)):$(PATH)

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-choreography run jaeger promtool test test-long lint soak bench bench-full bench-micro mutants simulate screenshots format \
	generate baseline lock clean

help: ## list what make can do here
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) $(GENERATED) ## place orders, see what becomes of them, and prove it; CHANNEL=nats, http or mixed; ENGINE=temporal
	@CHANNEL=$(CHANNEL) ENGINE=$(ENGINE) $(BIN)/python -m orchestrator.shop.demo

demo-choreography: $(INSTALLED) $(GENERATED) ## sell the same orders by a saga and by events, and see what each way shows; ENGINE=temporal
	@ENGINE=$(ENGINE) $(BIN)/python -m orchestrator.shop.demo.choreography

run: $(INSTALLED) $(GENERATED) ## start every service and the orchestrator, or REPLICAS=3 of it; CHANNEL=nats, http or mixed (over nats and mixed with events); Ctrl-C stops them
	@REPLICAS=$(REPLICAS) CHANNEL=$(CHANNEL) $(BIN)/python -m orchestrator.shop.demo.run

jaeger: $(TOOLS)/jaeger ## start Jaeger, which keeps traces and answers questions about them; the first time, build it
	@echo "Jaeger takes spans at 127.0.0.1:4317; ask it: http://127.0.0.1:16686/api/traces?service=orchestrator"
	@OTEL_TRACES_SAMPLER=always_off $< --log-level=error --admin.http.host-port=127.0.0.1:14269 --query.http-server.host-port=127.0.0.1:16686 \
		--query.grpc-server.host-port=127.0.0.1:16685 --collector.otlp.grpc.host-port=127.0.0.1:4317 \
		--collector.otlp.http.host-port=127.0.0.1:4318 --collector.grpc-server.host-port=127.0.0.1:14250 \
		--collector.http-server.host-port=127.0.0.1:14268

promtool: $(TOOLS)/promtool ## check the alert rules with Prometheus' own tool; the first time, build it
	$< check rules orchestrator/observability/dashboards/alerts.yaml
	$< test rules tests/integration/observability/alerts.yaml

# Each test is in one of two tiers: tests/conftest.py names the folders that take long. Many of them wait for processes, so
# there are half as many workers again as there are cores, and six at most.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) < 4 ? $$(getconf _NPROCESSORS_ONLN) * 3 / 2 : 6)))

test: $(INSTALLED) ## run the tests that a change can break, in minutes: all but those of test-long
	$(BIN)/pytest -m "not long" --numprocesses $(WORKERS) --dist worksteal

test-long: $(INSTALLED) ## run the tests that take longer: killed processes, a bad network, everything from outside
	$(BIN)/pytest -m long --numprocesses $(WORKERS) --dist loadfile

lint: $(INSTALLED) $(IMAGE) ## check style, types, imports, contracts, sagas and stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf format protos --diff --exit-code
	$(BIN)/buf lint $(IMAGE) --config .buf/buf.yaml
	$(BIN)/buf breaking $(IMAGE) --against .buf/baseline.binpb --config .buf/buf.yaml
	$(BIN)/orchestrator check --sagas orchestrator.shop
	@$(BIN)/orchestrator generate --out $(VENV)/generated >/dev/null
	diff -r -x __pycache__ -x py.typed generated $(VENV)/generated

soak: $(INSTALLED) ## for hours: random properties, then thousands of orders while processes are killed and replies are lost; ENGINE=temporal
	$(BIN)/python -m tests.property $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.crash.$(if $(filter temporal,$(ENGINE)),soak_temporal,soak) --orders $(ORDERS) $(if $(SEED),--seed $(SEED))

bench: $(INSTALLED) ## what durability costs, beside the bare calls of the same run, and whether the goals are reached
	@$(BIN)/python -m tests.bench

bench-full: $(INSTALLED) ## the same with more rounds, more loads and 1,000,000 finished sagas; and the engine on Temporal
	@$(BIN)/python -m tests.bench --full
	@$(BIN)/python -m tests.bench.engines

bench-micro: $(INSTALLED) ## what the parts cost: an append, a replay, a fold, a span, who calls, a guarded command
	$(BIN)/pytest tests/bench/micro --benchmark-columns=min,median,iqr,rounds --benchmark-max-time=0.5
	$(BIN)/python -m tests.bench.micro.guard
	$(BIN)/python -m tests.bench.micro.forms

mutants: $(INSTALLED) ## change the code on purpose, many times, and count what the tests notice
	@$(BIN)/python -m tests.mutants $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

simulate: $(INSTALLED) ## run sagas in SEEDS simulated worlds where everything goes wrong
	@$(BIN)/orchestrator simulate --seeds $(SEEDS)

screenshots: $(INSTALLED) ## take the pictures of the README anew, of real processes in a real Chromium
	$(BIN)/python -m tests.browser.screenshots

format: $(INSTALLED) ## put Python and contracts into the agreed form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/buf format protos -w

generate: $(INSTALLED) ## write the stubs of the contracts into generated/
	$(BIN)/orchestrator generate
	@touch $(GENERATED)

baseline: $(IMAGE) ## at a release: from now on, its contracts may not be broken
	$(BIN)/buf build $(IMAGE) --exclude-source-info --output .buf/baseline.binpb

lock: $(INSTALLED) ## pin the dependencies of pyproject.toml anew, within their bounds
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet --output-file requirements.lock

clean: ## remove what make and the programs have made, the state included
	rm -rf $(VENV) .state .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .bench .benchmarks .mutants build dist
	find orchestrator services generated tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Modules with directives of their own are not for `go install`: they are built where Go keeps their source.
$(TOOLS)/jaeger:
	@echo "building Jaeger from source: some five minutes, this once"
	@mkdir -p $(@D)
	@cd $(call GO_SOURCE,github.com/jaegertracing/jaeger@v1.76.0) && go build -o $@ ./cmd/all-in-one

$(TOOLS)/promtool:
	@echo "building promtool from source: many minutes, this once"
	@mkdir -p $(@D)
	@cd $(call GO_SOURCE,github.com/prometheus/prometheus@v0.316.0) && GOWORK=off go build -o $@ ./cmd/promtool

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: Python 3.11 or newer is needed, $(PYTHON) is: $$($(PYTHON) --version 2>&1);" \
			"name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--only-binary :all: --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(GENERATED): $(INSTALLED) $(PROTOS)
	@$(BIN)/orchestrator generate
	@touch $@

$(IMAGE): $(INSTALLED) $(PROTOS)
	@$(BIN)/python -c '$(WRITE_IMAGE)' protos $@
