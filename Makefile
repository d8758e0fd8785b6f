# Saccade: build, run, test, install. `make help` lists the targets.

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
# One optimised build serves `run`, `test` and `install`: the numeric tests need it, and nothing is compiled twice.
CONFIGURATION ?= release

# The folder that `make run` watches, and where it keeps its databases.
DIR ?= watch-folders
STATE ?= .saccade

BIN = .build/$(CONFIGURATION)
PROGRAMS = $(BIN)/saccade $(BIN)/saccade-decode $(BIN)/saccade-train
MODEL = models/saccade-small

.PHONY: help run test test-page test-api test-mcp test-otio test-deb crash-test simulate build bench fuzz sanitize sanitize-thread sanitize-address coverage format lint install deb clean packages

help:
	@echo 'make run              watch watch-folders/ (filled with a small demo if empty) and run two queries'
	@echo 'make run DIR=PATH     the same with a folder of your own; QUERY="…" for your own query'
	@echo 'make build            the programs, optimised'
	@echo 'make test             every test'
	@echo 'make test-page        the search page in a headless Chromium (Debian package chromium)'
	@echo 'make test-api         2,000 requests made of the description of the API, by schemathesis'
	@echo 'make test-mcp         saccade mcp with the official Python client of the Model Context Protocol, from PyPI'
	@echo 'make test-otio        --format otio with the package of OpenTimelineIO, from PyPI'
	@echo 'make crash-test       500 kills of the daemon and its workers, and faults of their files; KILLS=50 FAULTS=1 for fewer'
	@echo 'make simulate         random operations on watched folders against a model of the index; OPERATIONS=1000 SEED=7 for others'
	@echo 'make bench            the benchmarks, beside their peers; BENCH="scan" runs one'
	@echo 'make fuzz             each fuzz target for $(TIME) s; TIME=600 TARGET=globs runs one for longer'
	@echo 'make sanitize         the tests under ThreadSanitizer and AddressSanitizer; SUITES=REGEX narrows them'
	@echo 'make coverage         how much of each module the tests run'
	@echo 'make install          what was built, into DESTDIR and PREFIX ($(PREFIX)); runs where no Swift is'
	@echo 'make deb              the same as a Debian package, in .build'
	@echo 'make test-deb         that package on a fresh Debian in a container, as root; PREVIOUS=FILE.deb is upgraded'
	@echo 'make lint | format    check the source format and the module graph, or apply the format'
	@echo 'make clean            remove what was built; state and footage stay'

packages:
	@packaging/packages.sh

build: packages
	$(SWIFT) build -c $(CONFIGURATION) --product saccade
	$(SWIFT) build -c $(CONFIGURATION) --product saccade-decode
	$(SWIFT) build -c $(CONFIGURATION) --product saccade-train

run: build
	@BIN="$(BIN)" STATE="$(STATE)" QUERY="$(QUERY)" packaging/demo/run.sh "$(DIR)"

# Nothing here imports with @testable; with the flag off, tests link the very modules that `make build` made. At most 48 run beside
# each other, for many have databases, sockets and programs open, and Foundation's Process crashes where some 1,360 descriptors are.
test: packages
	$(SWIFT) test -c $(CONFIGURATION) --disable-testable-imports --experimental-maximum-parallelization-width 48

# What the page needs of a browser. PICTURES="--pictures FOLDER --footage FOLDER" takes screenshots instead.
test-page: $(PROGRAMS)
	@PYTHONDONTWRITEBYTECODE=1 python3 Tests/Page/page_test.py "$(BIN)" $(PICTURES)

# The examples of docs/examples, and 2,000 requests that schemathesis makes of the description of the API; it comes from PyPI, into .build.
test-api: $(PROGRAMS)
	@PYTHONDONTWRITEBYTECODE=1 python3 Tests/API/openapi_test.py "$(BIN)" .build/schemathesis

test-mcp: $(PROGRAMS)
	@python3 Tests/MCP/mcp_test.py "$(BIN)" .build/mcp

test-otio: $(PROGRAMS)
	@python3 Tests/Export/otio_test.py "$(BIN)" .build/otio

# An hour or so on two processors: each kill and each fault is followed by a look at all that is indexed.
KILLS ?= 500
FAULTS ?=

crash-test: $(PROGRAMS)
	@PYTHONDONTWRITEBYTECODE=1 python3 Tests/Crash/crash_test.py "$(BIN)" --kills $(KILLS) $(FAULTS:%=--faults %)

# What a seed does depends on the order of sets as well.
OPERATIONS ?= 10000
SEED ?=
simulate: packages
	SWIFT_DETERMINISTIC_HASHING=1 SACCADE_SIMULATION=$(OPERATIONS)$(SEED:%=:%) \
		$(SWIFT) test -c $(CONFIGURATION) --disable-testable-imports --filter FolderSimulationTests

bench: packages
	$(SWIFT) build -c $(CONFIGURATION) --product saccade-benchmarks
	"$(BIN)/saccade-benchmarks" $(BENCH)

# The programs beside the compiler: others of their names on the PATH may be of another version.
TOOLCHAIN = $(shell $(SWIFT) -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1/bin|p')

# libFuzzer's runtime comes with the toolchain's clang. Corpus and findings stay in .build-fuzz.
TIME ?= 20
TARGET ?= protocol safetensors pickle wordpiece tokenizers checkpoints configuration requests globs backups inverted events
FUZZER = .build-fuzz/release/saccade-fuzz

fuzz: packages
	SACCADE_FUZZ=1 $(SWIFT) build -c release --product saccade-fuzz --scratch-path .build-fuzz --sanitize=address \
		-Xlinker -L"$$($(TOOLCHAIN)/clang -print-resource-dir)/lib/linux"
	@for target in $(TARGET); do Fuzz/run.sh "$(FUZZER)" "$$target" "$(TIME)" || exit 1; done

# Unoptimised arithmetic under a sanitizer takes hours: of the numeric modules only what tests the kernels is run, which is where their
# unsafe code is. A worker limits its address space to less than a sanitizer needs, so what starts one is left out, and so is the
# simulation of folders and its like, whose comparisons take minutes here and share nothing between threads, and what has a server of
# PostgreSQL for its clock. One test at a time: under a
# sanitizer all at once are too slow for the deadlines that some of them test. The first report ends the run with a failure; Tests/Sanitizers
# says which reports are left out, and why.
SUITES ?= APITests|BasicsTests|CatalogTests|DaemonTests|DecodeProtocolTests|FolderWatchTests|HTTPServerTests|KernelTests|LibraryTests|MediaDecodingTests|SearchTests|SettingsTests|ThreadsTests|VectorIndexTests
SANITIZED = --no-parallel --filter '$(SUITES)' --skip 'EndToEndTests|DecodeWorkerPoolTests|RealIngestTests|FolderSimulationTests|FileSystemNumberTests|FleetTests'
REPORTS = halt_on_error=1:suppressions=$(CURDIR)/Tests/Sanitizers

sanitize: sanitize-thread sanitize-address

sanitize-thread: packages
	SACCADE_THREAD_SANITIZER=1 TSAN_OPTIONS=$(REPORTS)/thread.txt SWIFT_BACKTRACE=enable=no \
		$(SWIFT) test --sanitize=thread --scratch-path .build-thread $(SANITIZED)

sanitize-address: packages
	ASAN_OPTIONS=$(REPORTS)/address.txt:detect_leaks=0 SWIFT_BACKTRACE=enable=no \
		$(SWIFT) test --sanitize=address --scratch-path .build-address $(SANITIZED)

# Optimised, as the numeric tests need it.
coverage: packages
	$(SWIFT) test -c $(CONFIGURATION) --disable-testable-imports --enable-code-coverage --scratch-path .build-coverage
	@PATH="$(TOOLCHAIN):$$PATH" Tests/coverage.sh .build-coverage/$(CONFIGURATION)

format:
	$(SWIFT) format --in-place --recursive --parallel --configuration .swift-format Package.swift Sources Tests Benchmarks Fuzz

lint:
	$(SWIFT) format lint --strict --recursive --parallel --configuration .swift-format Package.swift Sources Tests Benchmarks Fuzz
	@SWIFT="$(SWIFT)" docs/module-graph.sh

# Only what is missing is built: under sudo there may be no Swift.
$(PROGRAMS) &:
	$(MAKE) build

install: $(PROGRAMS)
	@BIN="$(BIN)" MODEL="$(MODEL)" DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" packaging/install.sh

deb: build
	@BIN="$(BIN)" MODEL="$(MODEL)" OUT=.build packaging/deb.sh

# The package that `make deb` left.
test-deb:
	@Tests/Packaging/package_test.sh .build/saccade_*.deb .build/debian $(PREVIOUS)

clean:
	$(SWIFT) package clean
