# make demo        the whole platform on this machine, from nothing but Python
# make lint test   what CI runs
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := infra/locks
SOURCES := contracts dags feature_service gateway grafana infra scorer scorestream training
CHECKED := $(SOURCES) bench tests
# What has no deadline: also two suites of whole platforms, on brokers of their own. The longest files first, so
# that nobody waits for one of them at the end.
SIDE_BY_SIDE := $(addprefix tests/,simulation e2e/test_train_promote_rollback.py e2e/test_alert_fires.py \
  integration parity platform contract history unit)
# Percent of branches; may only rise.
COVERAGE_FLOOR := 83
CHOSEN := -m "not slow and not faults"
TOGETHER := --numprocesses 2 --dist loadfile --no-loadscope-reorder
BUILDER ?= docker
TAG ?= dev

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# The environment, from the lock, with every hash checked. Made again when the lock changes.
$(READY): $(LOCKS)/all.txt $(LOCKS)/bootstrap.txt pyproject.toml
	@echo "  … environment from the lock (first time: about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "scorestream needs Python 3.11 to 3.13; name one: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(LOCKS)/all.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "  ✓ environment"

.PHONY: help env demo platform test coverage test-slow test-faults bench lint format lock images k8s-tools chart deploy deployed smoke retrain

env: $(READY) ## the environment in .venv

demo: $(READY) ## the platform on this machine; DATA=<folder of Home Credit CSVs>, ONCE=1 to end by itself
	@exec $(BIN)/python -m infra.local.demo $(if $(DATA),--data "$(DATA)") $(if $(ONCE),--once)

platform: $(READY) ## demo, and Airflow, Prometheus, Alertmanager (Grafana if installed) beside it; DATA=, ONCE=1
	@exec $(BIN)/python -m infra.local.demo --watched $(if $(DATA),--data "$(DATA)") $(if $(ONCE),--once)

test: $(READY) ## all suites but the slow ones and those of faults: some 25 minutes on 2 cores
	@# What has no deadline side by side, then whole platforms under load, alone. 5: none selected.
	$(BIN)/python -m pytest $(CHOSEN) $(SIDE_BY_SIDE) $(TOGETHER) --durations=20 $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest $(CHOSEN) tests $(SIDE_BY_SIDE:%=--ignore=%) --durations=20 $(ARGS)

coverage: $(READY) ## the same suites with branch coverage, which may only rise: half as long again
	$(BIN)/python -m pytest $(CHOSEN) $(SIDE_BY_SIDE) $(TOGETHER) --cov --cov-report= $(ARGS)
	$(BIN)/python -m pytest $(CHOSEN) tests $(SIDE_BY_SIDE:%=--ignore=%) --cov --cov-append \
	  --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR) $(ARGS)

test-slow: $(READY) k8s-tools ## the long suites
	$(BIN)/python -m pytest -m "slow or cluster" $(ARGS)

test-faults: $(READY) ## real processes killed and paused under load
	$(BIN)/python -m pytest -m faults $(ARGS)

bench: $(READY) ## what we do and what a lender would pick instead, in one run: a table and bench/results/latest.json
	@exec $(BIN)/python -m bench.run $(ARGS)

lint: $(READY) ## ruff, mypy --strict, the import rules, generated pages
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports
	$(BIN)/python -m contracts.documentation --check
	$(BIN)/python -m infra.prometheus.documentation --check
	$(BIN)/python -m grafana --check
	$(BIN)/python -m feature_service.catalogue --check
	$(BIN)/python -m infra.tools.strimzi_users --check
	$(BIN)/python -m infra.tools.workflows

format: $(READY) ## ruff format and the fixes that are safe
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/python -m contracts.documentation
	$(BIN)/python -m infra.prometheus.documentation
	$(BIN)/python -m grafana
	$(BIN)/python -m feature_service.catalogue
	$(BIN)/python -m infra.tools.strimzi_users

images: $(READY) ## container images; IMAGES="gateway scorer", BUILDER=podman, BASE_IMAGE=…, REGISTRY=…, TAG=…, PUSH=1
	$(BIN)/python -m infra.docker $(IMAGES) --builder "$(BUILDER)" --tag "$(TAG)" \
	  $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") $(if $(REGISTRY),--registry "$(REGISTRY)") \
	  $(if $(PUSH),--push) $(if $(BUILD_OPTIONS),--options "$(BUILD_OPTIONS)")

k8s-tools: $(READY) ## a Kubernetes control plane for the chart's tests: built once, 10 minutes, kept in ~/.cache
	$(BIN)/python -m infra.tools helm control-plane

chart: $(READY) ## the Helm chart, checked and packed into dist/
	@helm=$$($(BIN)/python -m infra.tools helm | head -1) && set -e; \
	  for values in helm/environments/*.yaml; do "$$helm" lint --strict helm/scorestream --values "$$values"; done; \
	  "$$helm" package helm/scorestream --destination dist $(if $(VERSION),--version "$(VERSION)" --app-version "$(VERSION)")

deploy: $(READY) ## helm upgrade; ENVIRONMENT=staging, REGISTRY=…, VERSION=…, MODEL_VERSION=…; goes back by itself if it fails; FIRST=1 waits for nothing: no model yet
	@set -e; helm=$$($(BIN)/python -m infra.tools helm | head -1); further=$$(mktemp); trap 'rm -f "$$further"' EXIT; \
	  printf '%s\n' "$$VALUES" > "$$further"; \
	  "$$helm" upgrade --install scorestream helm/scorestream --namespace scorestream --create-namespace \
	    --labels revision="$$(git rev-parse HEAD)" --reset-then-reuse-values --values "helm/environments/$${ENVIRONMENT:?name one: minikube, staging, production}.yaml" \
	    --values "$$further" $${REGISTRY:+--set image.registry="$$REGISTRY"} $${VERSION:+--set image.tag="$$VERSION"} \
	    $${MODEL_VERSION:+--set-string model.version="$$MODEL_VERSION"} $(if $(FIRST),,--rollback-on-failure --wait --timeout 10m)

deployed: ## the commit that was deployed last to the cluster that kubectl talks to
	@revision=$$(kubectl --namespace scorestream get secrets --selector owner=helm,name=scorestream,status=deployed \
	    --output 'jsonpath={.items[0].metadata.labels.revision}') && \
	  { [ -n "$$revision" ] || { echo "nothing there says which commit it is from: make deploy once with VERSION=…" >&2; exit 1; }; } && \
	  echo "$$revision"

smoke: $(READY) ## score a real application at URL=…, with the API key in SMOKE_KEY
	@set -e; umask 077; key=$$(mktemp); trap 'rm -f "$$key"' EXIT; printf '%s' "$$SMOKE_KEY" > "$$key"; \
	  $(BIN)/scorestream score --json --url "$${URL:?say where: URL=https://…}" $${SMOKE_KEY:+--key-file "$$key"}

retrain: ## start a training run of the Airflow in the cluster that kubectl talks to
	kubectl --namespace airflow exec deployment/airflow-api-server -- airflow dags trigger credit_training

lock: $(READY) ## resolve pyproject.toml anew into the lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-header pyproject.toml -o $(LOCKS)/all.txt
	$(BIN)/python -m infra.docker.lock
