# `make help` lists what there is. `make demo` and `make test` are all that a newcomer needs.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

.PHONY: help demo test test-deep build bench bench-quick bench-store figures docs lint format clean dependencies

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: dependencies ## the main job: write a phone book, kill the program, restore the book
	@scripts/demo.sh

test: dependencies ## lint, build, and run every test
	@scripts/test.sh

test-deep: dependencies ## the same tests at their deep sizes, and the fuzzers for ten minutes each
	@SOFTPM_TEST_DEEP=1 scripts/test.sh
	@scripts/fuzz.sh 600

build: dependencies ## build the library and the tool, optimised
	@swift build -c release
	@echo "built: .build/release/softpm and the library Containers"

bench: ## measure everything, judge it by the targets, redraw docs/figures
	@scripts/bench.sh all --json Benchmarks/.build/run.json
	@scripts/figures.sh Benchmarks/.build/run.json

bench-quick: ## the same at smaller sizes
	@scripts/bench.sh all --quick

figures: ## draw docs/figures and fill docs/performance.md from the last `make bench`
	@scripts/figures.sh Benchmarks/.build/run.json

bench-store: ## the store alone, beside the raw disk, SQLite and LMDB
	@scripts/bench.sh store

docs: ## build the reference of the library into docs/reference
	@swift package --allow-writing-to-package-directory docs
	@echo "built: docs/reference/index.html"

lint: ## check the formatting of every source
	@scripts/lint.sh

format: ## format every source in place
	@swift format --in-place --recursive --parallel Package.swift Sources Tests Plugins Examples Benchmarks Fuzz
	@echo "formatted"

clean: ## remove everything that was built
	@rm -rf .build Examples/.build Benchmarks/.build docs/reference
	@echo "clean"

dependencies:
	@scripts/dependencies.sh
