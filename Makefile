# The IoT connect canary. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# Looked for when needed, and once.
PYTHON ?= $(eval PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && { echo $$python; break; }; done))$(PYTHON)
UV ?= $(eval UV := $(shell uv --version > /dev/null 2>&1 && command -v uv))$(UV)
HOST_ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
STACK ?= iot-connect-canary
RUNS ?= 0
WORKERS ?= auto
LOCKS := function/requirements requirements/dev requirements/sam requirements/local requirements/runtime requirements/audit requirements/cdk requirements/checkov
PIP_INSTALL = -m pip install -qq --no-deps --disable-pip-version-check --require-hashes --requirement

FUNCTION_FILES := template.yaml function/Makefile function/requirements.txt $(shell find function/connect_canary infra/pager/function -name "*.py") infra/pager/function/Makefile
# A Python of the template's Runtime: its bytecode stands in the artifact. Name one, or the first that is found is taken.
RUNTIME_VERSION := 3.13
FIND_RUNTIME_PYTHON = $(or $(RUNTIME_PYTHON),$$(sh infra/build/find_python.sh $(RUNTIME_VERSION)))
BUILD_DIR := .aws-sam/build
ARTIFACT := $(BUILD_DIR)/CanaryFunction

TEMPLATES := template.yaml infra/authorizer/template.yaml .aws-sam/shards.json

export SAM_CLI_TELEMETRY := 0
export BUILD_PYTHON := $(CURDIR)/.venv-sam/bin/python

# What can be done at the same time, infra/build/set_up.py does at the same time.
.NOTPARALLEL:
.PHONY: help run break mend drill test invoke-local test-foreign check format bench fidelity mutants nightly pictures build package audit deploy invoke logs delete smoke lock clean environments new-runtime verify-account secret

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# -- on this machine -------------------------------------------------------------------------------------------------

run: ## Run the canary on a local AWS until Ctrl-C, or RUNS=2 times; SPEED=12 lets time pass faster there
	@$(SET_UP) .venv .venv-local .aws-sam/local
	@.venv/bin/python -m infra.local.demo.run $(if $(filter-out 0,$(RUNS)),--runs $(RUNS)) $(if $(SPEED),--speed $(SPEED))

break: .venv/.ready ## Break something in the running demo, from another terminal: WHAT=permission; without WHAT list it all
	@.venv/bin/python -m infra.local.demo.break_command break $(if $(WHAT),"$(WHAT)") $(if $(OPERATOR),--operator "$(OPERATOR)")

mend: .venv/.ready ## Mend what was broken, or only WHAT=permission
	@.venv/bin/python -m infra.local.demo.break_command mend $(if $(WHAT),"$(WHAT)") $(if $(OPERATOR),--operator "$(OPERATOR)")

drill: ## Break everything in turn on a local AWS; show which alarm and page tell, and after how long: ONLY=permission WRITE=1
	@$(SET_UP) .venv .venv-local .aws-sam/local
	@.venv/bin/python -m infra.local.demo.drill $(if $(ONLY),--only "$(ONLY)") $(if $(SPEED),--speed $(SPEED)) \
		$(if $(WRITE),--write docs/operations.md)

test: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Run every test that needs no AWS account; SEED=1 repeats a run
	@.venv/bin/python -m pytest --numprocesses=$(WORKERS) $(if $(SEED),--randomly-seed=$(SEED)) $(PYTEST_ARGUMENTS)

invoke-local: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Run the artifact once: EVENT= ENV= MODE=custom-signed FAULT=certificate-expired DOCKER=1
	@.venv/bin/python -m infra.invoke.main $(if $(EVENT),--event $(EVENT)) $(if $(ENV),--env $(ENV)) \
		$(if $(MODE),--mode $(MODE)) $(if $(FAULT),--fault $(FAULT)) $(if $(DOCKER),--docker)

# It installs none of the programs that it tests: without one its tests skip, and say which.
test-foreign: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Run the tests with foreign programs: servers, the SDK for Node.js, Docker, Terraform, CDK, as far as installed
	@.venv/bin/python -m pytest --numprocesses=$(WORKERS) $(if $(SEED),--randomly-seed=$(SEED)) tests/foreign

check: .venv/.ready .venv-sam/.ready .venv-checkov/.ready ## Check style, types and templates
	@echo "Checking style"
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@echo "Checking types"
	@.venv/bin/mypy
	@.venv/bin/mypy --platform darwin function
	@.venv/bin/mypy --platform win32 function
	@echo "Checking the templates"
	@mkdir -p .aws-sam
	@.venv/bin/python -m infra.shards docs/targets.example.json --canary fleet > .aws-sam/shards.json 2> /dev/null
	@.venv-sam/bin/cfn-lint -c I -- $(TEMPLATES)
	@.venv-checkov/bin/python -m checkov.main --file $(TEMPLATES) --framework cloudformation --skip-download --compact --quiet > .aws-sam/checkov.log \
		|| { cat .aws-sam/checkov.log; exit 1; }
	@for template in template.yaml infra/authorizer/template.yaml; do \
		.venv-sam/bin/sam validate --lint --region us-east-1 --template $$template > .aws-sam/validate.log 2>&1 \
			|| { cat .aws-sam/validate.log; exit 1; }; done

format: .venv/.ready ## Format the code
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

bench: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Measure, and write docs/measurements.md
	@.venv/bin/python -m tests.bench

fidelity: .venv/.ready ## Compare with the bare SDK over impaired paths, as root: PAIRS=400 SEED=1 ONLY="loss" WRITE=1
	@.venv/bin/python -m tests.fidelity $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only "$(ONLY)") $(if $(WRITE),--write)

mutants: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Change the code and see whether tests notice: AREA=template MODULE=path SLICE=1/20 SAMPLE=400
	@.venv/bin/python -m tests.mutation $(if $(AREA),--area $(AREA)) $(if $(MODULE),--module $(MODULE)) \
		$(if $(SLICE),--slice $(SLICE)) --sample $(or $(SAMPLE),$(if $(MODULE)$(SLICE),0,400))

nightly: environments $(BUILD_DIR)/.$(HOST_ARCHITECTURE) ## Fuzz with 10,000 cases each, compare with the bare SDK, and try a twentieth of the mutants
	@.venv/bin/python -m tests.faulty.fuzz
	@.venv/bin/python -m tests.faulty.secret_fuzz
	@$(MAKE) --no-print-directory fidelity
	@$(MAKE) --no-print-directory mutants SLICE=$$(( $$(date +%s) / 86400 % 20 + 1 ))/20

pictures: .venv/.ready ## Draw the pictures in README.md and docs/
	@.venv/bin/python -m tests.faulty.picture
	@.venv/bin/python -m tests.faulty.report_picture
	@.venv/bin/python -m infra.architecture_diagram --write docs/development.md

audit: .venv-audit/.ready ## Look for known vulnerabilities in the locked requirements, and for faults in the workflows
	@for name in $(LOCKS); do \
		.venv-audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement $$name.txt \
			|| exit 1; done
	@.venv-audit/bin/zizmor --quiet --offline --pedantic .github

# -- on an AWS account -----------------------------------------------------------------------------------------------

build: ARCHITECTURE ?= $(HOST_ARCHITECTURE)
build: .venv-sam/.ready events/env.json ## Build the Lambda artifact for this machine, or ARCHITECTURE=arm64 or x86_64
	@echo "Building the Lambda artifact for $(ARCHITECTURE)"
	@mkdir -p .aws-sam && rm -f $(BUILD_DIR)/.arm64 $(BUILD_DIR)/.x86_64
	@RUNTIME_PYTHON="$(FIND_RUNTIME_PYTHON)" ARCHITECTURE=$(ARCHITECTURE) .venv-sam/bin/sam build --no-cached --build-dir $(BUILD_DIR) \
		--parameter-overrides Architecture=$(ARCHITECTURE) > .aws-sam/build.log 2>&1 \
		|| { cat .aws-sam/build.log; exit 1; }
	@.venv-sam/bin/python infra/build/built_template.py $(BUILD_DIR)/template.yaml $(ARCHITECTURE)
	@.venv-sam/bin/python infra/build/check_artifact.py $(ARTIFACT) $(ARCHITECTURE) --widget $(BUILD_DIR)/StatusWidgetFunction
	@touch $(BUILD_DIR)/.$(ARCHITECTURE)

# In directories of its own, so that what `make build` made stays.
package: .venv/.ready .venv-sam/.ready ## Write what is released into dist/: zips, a plain template, a wheel, and checksums
	@rm -rf dist .aws-sam/package
	@for architecture in arm64 x86_64; do \
		$(MAKE) --no-print-directory build ARCHITECTURE=$$architecture BUILD_DIR=.aws-sam/package/$$architecture || exit 1; \
	done
	@.venv/bin/python -m hatchling build --directory dist/python > /dev/null
	@.venv-sam/bin/python -m infra.build.package dist arm64=.aws-sam/package/arm64 x86_64=.aws-sam/package/x86_64

# sam keeps only the last --parameter-overrides, so the architecture travels with the other parameters.
deploy: ARCHITECTURE ?= arm64
deploy: .venv-sam/.ready ## Deploy to your account: STACK=name PARAMETERS="Name=value ..."
	@$(MAKE) --no-print-directory build ARCHITECTURE=$(ARCHITECTURE)
	.venv-sam/bin/sam deploy --stack-name $(STACK) --resolve-s3 --capabilities CAPABILITY_IAM \
		--parameter-overrides Architecture=$(ARCHITECTURE) \
		$(addprefix RunbookUrl=,$(shell .venv-sam/bin/python infra/build/runbook_url.py)) $(PARAMETERS) $(SAM_ARGUMENTS)

# The secret is asked for, or read from standard input: make secret NAME=signing-key < key.pem
secret: .venv/.ready ## Write a secret into the canary's own prefix, and print its reference: NAME=authorizer-password
	@.venv/bin/python -m infra.secret $(NAME) --canary $(or $(CANARY),$(STACK)) $(if $(KEY),--key $(KEY))

invoke: .venv-sam/.ready ## Run the deployed canary once: STACK=name
	.venv-sam/bin/sam remote invoke CanaryFunction --stack-name $(STACK) --event '{}'

logs: .venv-sam/.ready ## Follow the deployed canary's log: STACK=name
	.venv-sam/bin/sam logs --stack-name $(STACK) --name CanaryFunction --tail

delete: .venv-sam/.ready ## Delete the deployed stack: STACK=name
	.venv-sam/bin/sam delete --stack-name $(STACK)

smoke: .venv/.ready ## Connect from here with your credentials: CANARY_ENDPOINT=host
	@test -n "$(CANARY_ENDPOINT)" || { echo "Skipped: set CANARY_ENDPOINT to your account's iot:Data-ATS endpoint."; exit 0; }; \
		.venv/bin/connect-canary connect

verify-account: .venv/.ready $(if $(ACCOUNT),$(BUILD_DIR)/.$(HOST_ARCHITECTURE)) ## Check it on your account, ACCOUNT=id: deploy, connect, break, page, mend, delete
	@.venv/bin/python -m infra.verify_account --account "$(ACCOUNT)" $(if $(CLEANUP),--cleanup-only)

# -- what the targets need -------------------------------------------------------------------------------------------

environments: .venv-runtime/.ready
	@$(SET_UP) .venv .venv-sam .venv-local .aws-sam/local

# Yours to edit: git ignores it, and make does not touch it again.
events/env.json: | events/env.example.json
	@cp events/env.example.json $@

$(BUILD_DIR)/.%: $(FUNCTION_FILES) | .venv-sam/.ready
	@$(MAKE) --no-print-directory build ARCHITECTURE=$*

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(SET_UP) .venv

.venv-sam/.ready: requirements/sam.txt
	@$(SET_UP) .venv-sam

# With the runtime's own Python where there is one: only that loads the artifact's bytecode.
.venv-runtime/.ready: requirements/runtime.txt
	@python="$(FIND_RUNTIME_PYTHON)"; $(MAKE) --no-print-directory new-runtime PYTHON="$${python:-$(PYTHON)}"
	@.venv-runtime/bin/python $(PIP_INSTALL) requirements/runtime.txt
	@touch $@

new-runtime:
	@$(call new_environment,.venv-runtime,the Lambda runtime)

.venv-audit/.ready: requirements/audit.txt
	@$(call new_environment,.venv-audit,pip-audit and zizmor)
	@.venv-audit/bin/python $(PIP_INSTALL) requirements/audit.txt
	@touch $@

.venv-checkov/.ready: requirements/checkov.txt
	@$(call new_environment,.venv-checkov,the check of the templates)
	@.venv-checkov/bin/python $(PIP_INSTALL) requirements/checkov.txt
	@touch $@

.venv-local/.ready: requirements/local.txt
	@$(SET_UP) .venv-local

# `venv --clear` would empty the directory that a link leads to, which others may use.
define new_environment
test ! -L $(1) || { echo "$(1) is a link, and what it leads to is not rebuilt from here. Remove the link, or run make there."; exit 2; }; \
test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; none was found. Name one: make PYTHON=/path/to/python3.13"; exit 2; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	|| { echo "$(PYTHON) is no Python 3.11 or later. Name one: make PYTHON=/path/to/python3.13"; exit 2; }; \
echo "Setting up $(1): $(2)"; \
$(PYTHON) -m venv --clear $(1) || { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv"; exit 2; }
endef

# With uv where there is one, which is several times as fast; UV= takes pip.
define SET_UP
test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; none was found. Name one: make PYTHON=/path/to/python3.13"; exit 2; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "$(PYTHON) is no Python 3.11 or later. Name one: make PYTHON=/path/to/python3.13"; exit 2; }; \
"$(PYTHON)" -B -m infra.build.set_up --uv="$(UV)"
endef

lock: .venv/.ready ## Lock the requirements anew (needs uv)
	@for name in $(LOCKS); do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command "make lock" $$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## Remove everything that the other targets made
	rm -rf .venv .venv-sam .venv-local .venv-runtime .venv-audit .venv-cdk .aws-sam dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutants_cache tests/foreign/node/node_modules .venv-checkov
	find function infra tests -name __pycache__ -prune -exec rm -rf {} +
