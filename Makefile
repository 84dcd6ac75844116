# What can be done here, by name; `make` alone lists it. Whatever a fresh machine
# lacks is fetched into .local/, which git ignores.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PORT  ?= 3000
PKG   ?= ./...
FRESH ?=

# Extra flags for one run: make test TESTFLAGS='-run Oversold -v', make bench BENCHFLAGS=…
TESTFLAGS  ?=
BENCHFLAGS ?=

FUNCTIONS := orders products customers stock shipments payments invoices stripewebhook system \
             notifications tracking webhooks deadletters \
             stockwatch audit settle sweep expire publish notify deliver collect remind
LOCAL     := $(CURDIR)/.local
GOARCH    := $(shell go env GOARCH 2>/dev/null)
HOSTARCH  := $(if $(filter arm64,$(GOARCH)),arm64,x86_64)

# What the functions are built for; Lambda's words: arm64 or x86_64.
ARCHITECTURE ?= arm64
LAMBDA_GOARCH = $(if $(filter x86_64,$(ARCHITECTURE)),amd64,$(ARCHITECTURE))

# Programs are built with Lambda's flags and tests with the race detector,
# everywhere: other flags would compile every dependency once more.
BUILD   := CGO_ENABLED=0 go build -tags lambda.norpc -trimpath
LDFLAGS := -ldflags "-s -w"
TEST    := go test -race -shuffle=on

DYNAMODB := .local/dynamodb/.ready
PYTHON   := .local/venv/.ready
PAPER    := .local/venv-paper/.ready
GOLANGCI := .local/bin/golangci-lint

need = @command -v $(1) >/dev/null || { echo "$(2)" >&2; exit 1; }

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Every day

.PHONY: run
run: $(DYNAMODB) ## The whole system on this machine (PORT=3000, FRESH=1 starts empty)
	$(call need,go,Install Go 1.26 or newer.)
	@$(BUILD) -o .local/bin/waybill ./infra/local/cmd
	@PORT=$(PORT) FRESH=$(FRESH) exec .local/bin/waybill

# One package after the other: they share one DynamoDB Local, which does one
# thing at a time, and the tests of a package run beside each other anyway.
.PHONY: test
test: $(DYNAMODB) $(PAPER) ## Every test, with the race detector (PKG=./shared/order TESTFLAGS=-v)
	$(call need,go,Install Go 1.26 or newer.)
	@go build -race $(PKG)
	go run -race ./infra/dynamolocal/with -- $(TEST) -p 1 -timeout 15m $(TESTFLAGS) $(PKG)

.PHONY: demo
demo: ## Four years of a real shop's orders into the system running on PORT
	go run ./infra/demo -port $(PORT)

.PHONY: bench
bench: $(DYNAMODB) ## Throughput, write units, start time and memory, printed and as JSON
	go run ./infra/bench $(BENCHFLAGS)

.PHONY: build
build: ## The functions for Lambda, in .build/ (ARCHITECTURE=arm64 or x86_64)
	$(call need,go,Install Go 1.26 or newer.)
	@for f in $(FUNCTIONS); do \
	  GOOS=linux GOARCH=$(LAMBDA_GOARCH) $(BUILD) $(LDFLAGS) -o .build/$$f/bootstrap ./functions/$$f/bootstrap || exit 1; \
	done

.PHONY: clean
clean: ## Remove what was built and fetched; the data of make run stays
	rm -rf .build .aws-sam .local/bin .local/venv .local/venv-paper .local/font .local/dynamodb

##### What CI checks

CI := generate-check lint validate test contract-fuzz test-sam test-demo bench-ci mutants-ci

.PHONY: ci
ci: ## All of the checks, quick ones first, until the first that fails
	@for step in $(CI); do \
	  echo "=== make $$step"; began=$$(date +%s); \
	  $(MAKE) --no-print-directory $$step || { echo "=== make $$step FAILED" >&2; exit 1; }; \
	  echo "=== make $$step: $$(( $$(date +%s) - began )) s"; \
	done

.PHONY: generate
generate: ## Write the generated code anew
	go generate ./...

# Compares the files' sums, so that it also tells the truth in a tree with uncommitted work.
.PHONY: generate-check
generate-check: ## Fail if generated code is not what generate writes
	@mkdir -p .local
	@$(call sums,.local/sums.before)
	@$(MAKE) --no-print-directory generate
	@$(call sums,.local/sums.after)
	@diff .local/sums.before .local/sums.after || { echo "Generated code is out of date: run make generate and commit what it writes." >&2; exit 1; }
sums = git ls-files -z --cached --others --exclude-standard | xargs -0 cksum >$(1) 2>/dev/null || true

.PHONY: lint
lint: $(GOLANGCI) ## Formatting, go vet, staticcheck and the rest of .golangci.yml
	$(GOLANGCI) run ./...

.PHONY: validate
validate: $(PYTHON) ## template.yaml: SAM's and CloudFormation's rules, and the contract
	.local/venv/bin/cfn-lint template.yaml
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 .local/venv/bin/sam validate --lint
	$(TEST) ./infra/contract

.PHONY: contract-fuzz
contract-fuzz: $(PYTHON) $(DYNAMODB) ## The running system against its contract, by schemathesis
	go run ./infra/tools/with -- infra/contract/fuzz

.PHONY: test-demo
test-demo: $(DYNAMODB) ## The demo into a system of its own, killed on the way and run again
	infra/demo/test

.PHONY: bench-ci
bench-ci: ## The bench, scaled down
	@$(MAKE) --no-print-directory bench BENCHFLAGS=-short

.PHONY: mutants
mutants: $(DYNAMODB) ## Break each promise by a stored patch; its test must fail
	go run -race ./infra/dynamolocal/with -- infra/mutants/run

# All of them would take half of a CI run: each commit tries the third that its name draws.
.PHONY: mutants-ci
mutants-ci: $(DYNAMODB) ## A third of the mutants, drawn by the commit
	go run -race ./infra/dynamolocal/with -- infra/mutants/run --part $$((0x$$(git rev-parse --short=7 HEAD 2>/dev/null || echo 0) % 3))/3

##### SAM

.PHONY: sam
sam: sam-build $(DYNAMODB) ## The Lambda programs in containers, behind sam local start-api (PORT=3000)
	go run ./infra/sam -port $(PORT)

.PHONY: test-sam
test-sam: sam-build $(DYNAMODB) ## Orders placed, edited and cancelled through sam local
	go test -race -tags sam -count=1 -timeout 9m -v ./infra/sam

.PHONY: sam-build
sam-build: $(PYTHON)
	$(call need,docker,Install Docker: sam local runs the functions in containers.)
	@docker info >/dev/null 2>&1 || { echo "Start Docker: sam local runs the functions in containers." >&2; exit 1; }
	@$(MAKE) --no-print-directory build ARCHITECTURE=$(HOSTARCH)
	@SAM_CLI_TELEMETRY=0 .local/venv/bin/sam build --parameter-overrides Architecture=$(HOSTARCH)

##### What is fetched

# Each is complete or not there: an interrupted fetch leaves nothing that looks ready.
$(DYNAMODB): infra/dynamolocal/pom.xml
	$(call need,java,Install Java 17 or newer: DynamoDB Local runs on it.)
	$(call need,mvn,Install Maven: it fetches DynamoDB Local.)
	@echo "Fetching DynamoDB Local (51 MB, once) …"
	@rm -rf .local/dynamodb/fetching && mkdir -p .local/dynamodb
	@mvn -q -B -Dstyle.color=never -f infra/dynamolocal/pom.xml dependency:copy-dependencies -DoutputDirectory=$(LOCAL)/dynamodb/fetching \
	  || { echo "DynamoDB Local could not be fetched: is there a network?" >&2; exit 1; }
	@rm -rf .local/dynamodb/lib && mv .local/dynamodb/fetching .local/dynamodb/lib && touch $@

$(PYTHON): infra/tools/requirements.txt
	$(call need,python3,Install Python 3.11 or newer: sam and cfn-lint run on it.)
	@echo "Fetching the Python tools (once) …"
	@rm -rf .local/venv && python3 -m venv .local/venv
	@.local/venv/bin/pip install -q --disable-pip-version-check -r infra/tools/requirements.txt
	@touch $@

$(PAPER): shared/paper/requirements.txt
	$(call need,python3,Install Python 3.11 or newer: the tests read PDFs with it.)
	@echo "Fetching the tools for paper (once) …"
	@rm -rf .local/venv-paper && python3 -m venv .local/venv-paper
	@.local/venv-paper/bin/pip install -q --disable-pip-version-check -r shared/paper/requirements.txt
	@touch $@

.PHONY: paper-tools
paper-tools: $(PAPER) ## What the tests of shared/paper read PDFs with

.PHONY: paper-font
paper-font: $(PAPER) ## The font of delivery notes and pick lists, cut down anew
	$(call need,npm,Install Node 20 or newer: npm fetches the whole fonts.)
	@rm -rf .local/font && mkdir -p .local/font/noto .local/font/source .local/font/web
	@cd .local/font && npm pack --silent @expo-google-fonts/noto-sans-sc@0.4.3 @expo-google-fonts/source-sans-3@0.4.1 @fontsource/noto-sans-sc@5.3.0 >/dev/null
	@cd .local/font && tar -xzf expo-google-fonts-noto-sans-sc-*.tgz -C noto package/400Regular && tar -xzf *-source-sans-3-*.tgz -C source package/400Regular
	@cd .local/font && tar -xzf fontsource-noto-sans-sc-*.tgz -C web package/400.css
	@.local/venv-paper/bin/python shared/paper/font/subset .local/font/noto/package/400Regular/*.ttf \
	  .local/font/source/package/400Regular/*.ttf .local/font/web/package/400.css shared/paper/font/NotoSansSC-Regular.ttf

$(GOLANGCI): infra/tools/golangci/go.mod infra/tools/golangci/go.sum
	$(call need,go,Install Go 1.26 or newer.)
	@echo "Building golangci-lint (2 minutes, once) …"
	@go build -C infra/tools/golangci -o $(LOCAL)/bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
