# The front door: every target is one line of work done elsewhere (CMake, tools/).
BUILD := build/release
PHOTOS ?=
SAN ?= address
T ?=
S ?= 60
SECONDS ?=
PREFIX ?= /usr/local
DESTDIR ?=
PACKAGE_VERSION ?=
.DEFAULT_GOAL := help
.PHONY: help deps build run test check lint bench fuzz format install package deploy-test clean

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s%s\n", $$1, $$2}'

deps: ## install the Debian packages that are missing (tools/packages.txt)
	@tools/install_deps.sh tools/packages.txt

build: ## build/release/aidetect
	@tools/build.sh release

run: deps build ## verdicts of a few photographs (PHOTOS=folder), then serve on 127.0.0.1:8080
	@tools/run_demo.sh $(BUILD)/aidetect "$(PHOTOS)"

test: deps build ## all tests; last line "N passed, N failed"
	@tools/run_tests.sh release

check: deps ## all tests under SAN=address, undefined or thread
	@tools/build.sh $(SAN)
	@tools/run_tests.sh $(SAN)

lint: deps build ## format, static analysis, layers, sizes, banned functions, docs
	@tools/lint.sh

bench: deps build ## measure; writes build/bench.json
	@if [ -x bench/run.sh ]; then exec bench/run.sh; else echo "no benchmark in this tree"; fi

fuzz: deps ## one fuzz target: make fuzz T=png S=60; all in turn: make fuzz SECONDS=600
	@tools/fuzz.sh "$(or $(T),$(if $(SECONDS),all))" "$(or $(SECONDS),$(S))"

format: ## clang-format every C file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: build ## program, library, headers, man page under PREFIX (and DESTDIR)
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)"

package: deps ## the Debian package, build/aidetect_VERSION_ARCH.deb (PACKAGE_VERSION=...)
	@PACKAGE_VERSION="$(PACKAGE_VERSION)" tools/package.sh

deploy-test: deps build ## install package, image and unit as users do (root; minutes, tests/deploy/)
	@tools/install_deps.sh tools/packages-deploy.txt
	@tests/deploy/run.sh

clean: ## remove build/
	@rm -rf build
