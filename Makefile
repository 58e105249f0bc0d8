# The whole project from a fresh clone: `make demo` and `make test` need only Python >= 3.11 with venv and
# pip, a C++ compiler, make and git. Everything is installed into .venv; nothing outside the clone changes.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
EXTRAS = server,tupu,large,heic,latin,plot,keyring
JOBS ?= 2
BIN = .venv/bin
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# hnswlib is compiled here: without this it would use instructions that other machines lack.
export HNSWLIB_NO_NATIVE = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_REQUIRE_VIRTUALENV = 1

.DEFAULT_GOAL = help
.PHONY: help demo test test-full check lint types layers docs bench bench-recognition bench-geometry bench-level bench-openset bench-lookalikes bench-duplicates bench-bulk bench-index bench-kinds bench-size bench-size-full faults faults-full lowest audit wheel constraints clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

demo: .venv/ready ## the tour: register sample pictures, find them on photos
	@PATH="$(CURDIR)/$(BIN):$$PATH" samples/tour.sh

test: .venv/ready ## the tests, some minutes (also: make test ARGS="tests/cli -k find")
	$(PYTEST) -m "not bench and not browser and not many" --ignore tests/test_examples.py $(ARGS)

test-full: .venv/ready ## all tests, also the long ones, which need ../shared/data
	$(PYTEST) $(ARGS)

check: lint types layers docs demo test many cluster pages faults lowest install-check ## all that CI runs

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini -p tests -p benchmarks -p faults

layers: .venv/ready
	$(BIN)/lint-imports

docs: .venv/ready .venv-docs/ready ## docs/ agrees with the program, its examples run, links lead somewhere; the site, into build/site
	$(BIN)/python docs/generate.py --check
	$(PYTEST) tests/test_docs.py tests/test_examples.py $(ARGS)
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict
	$(BIN)/python tools/site.py build/site

bench: .venv/ready ## the performance figures, as a table and as JSON in bench-results/
	$(BIN)/python -m benchmarks.speed $(ARGS)

bench-recognition: .venv/ready ## recognition on the photo sets of ../shared/data/bench, through the CLI
	$(BIN)/python -m benchmarks.recognition $(ARGS)

bench-geometry: .venv/ready ## how exact the corners are, on oxford_affine of ../shared/data
	$(BIN)/python -m benchmarks.geometry $(ARGS)

bench-level: .venv/ready ## how often pictures of each level are found by the simulated camera; needs ../shared/data
	$(BIN)/python -m benchmarks.level $(ARGS)

bench-openset: .venv/ready ## false accepts and the threshold curve in a gallery of 10,000: see docs/appendix/score.md
	$(BIN)/python -m benchmarks.openset $(ARGS)

bench-duplicates: .venv/ready ## copies and series, distinguished by content; needs ../shared/data
	$(BIN)/python -m benchmarks.duplicates $(ARGS)

bench-lookalikes: .venv/ready ## look-alikes, and walls full of targets; needs ../shared/data
	$(BIN)/python -m benchmarks.lookalikes $(ARGS)

faults: .venv/ready ## the fault suites, a part of each: kills, power losses, full disks, hostile input
	$(BIN)/python -m faults $(ARGS)

faults-full: .venv/ready ## a whole fault suite, an hour at a time; run again to continue: make faults-full PART=crash
	$(BIN)/python -m faults --full $(PART) $(ARGS)

.PHONY: steady
steady: .venv/ready ## the tests of interrupts, faults and servers, ten times beside four busy processes; run again to continue
	$(BIN)/python -m faults.steady $(ARGS)

.PHONY: bench-versions
bench-versions: .venv/ready ## versions of one art, and labels on bottles; needs ../shared/data
	$(BIN)/python -m benchmarks.versions $(ARGS)

.PHONY: cluster
cluster: .venv/cluster ## galleries on real PostgreSQL and Milvus servers, which are installed: some 4 minutes
	$(BIN)/python -m tests.cluster.servers $(PYTEST) -k cluster tests/contract tests/cluster $(CLUSTER_TESTS) $(ARGS)

# Tests over a data folder of which those marked `cluster` run on a cluster too; cluster-full runs all of these.
CLUSTER_TESTS = $(addprefix tests/server/test_,arcloud_codes.py tupu_server.py keys.py extensions.py look_alikes.py) \
	tests/faults/test_many_processes.py

.PHONY: cluster-full
cluster-full: .venv/cluster .venv-milvus/ready ## the same, and more of it, on Milvus standalone 2.3.5, as root on Linux: an hour; not in CI
	ARCLI_TEST_STANDALONE=$(CURDIR)/.venv-milvus/bin/python $(BIN)/python -m tests.cluster.servers \
	  $(PYTEST) -k "cluster and not test_faults" tests/contract tests/cluster tests/server tests/faults/test_many_processes.py $(ARGS)
	ARCLI_TEST_STANDALONE=$(CURDIR)/.venv-milvus/bin/python $(BIN)/python -m tests.cluster.servers --none \
	  $(BIN)/python -m pytest tests/cluster/test_faults.py $(ARGS)

.PHONY: bench-cluster
bench-cluster: .venv/cluster .venv-milvus/ready ## 20,000 targets on PostgreSQL and Milvus standalone, as root on Linux; needs ../shared/data
	ARCLI_TEST_STANDALONE=$(CURDIR)/.venv-milvus/bin/python $(BIN)/python -m benchmarks.cluster $(ARGS)

.venv-milvus/ready:
	$(PYTHON) -m venv .venv-milvus
	.venv-milvus/bin/python -m pip install -qq milvus==2.3.5
	touch $@

.venv/cluster: .venv/ready
	$(BIN)/python tools/requirements.py group cluster > .venv/cluster.txt
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[cluster]' -r .venv/cluster.txt
	@touch $@

.PHONY: pages
pages: .venv/ready ## the web pages in headless Chromium, which root gets installed: some 3 minutes
	tools/browser.sh
	$(PYTEST) -m browser tests/browser $(ARGS)

.PHONY: bench-pages
bench-pages: .venv/ready ## the web pages: seconds to recognition, px, bytes, Lighthouse's scores: a minute or two
	tools/browser.sh
	$(BIN)/python -m benchmarks.pages $(ARGS)

.PHONY: many
many: .venv/ready ## memory of commands in a channel of 50,000 targets: a minute or two
	$(PYTEST) -m many tests/many $(ARGS)

.PHONY: many-full
many-full: .venv/ready ## the same with a million targets, into docs/results/many.json: half an hour to an hour and some 2 GB; not in CI
	ARCLI_MANY=1000000 ARCLI_MANY_RESULTS=docs/results/many.json $(BIN)/python -m pytest -m many tests/many $(ARGS)

bench-index: .venv/ready ## an index that grows to 20,000 targets: bytes written, waiting, recall
	$(BIN)/python -m benchmarks.growth $(ARGS)

bench-bulk: .venv/ready ## loads of 3,000 killed 20 times, failing networks, 20,000 pictures: CPU and memory
	$(BIN)/python -m benchmarks.bulk $(ARGS)

bench-size: .venv/ready ## what a channel costs at each size: build, disk, memory, lookups; needs ../shared/data
	$(BIN)/python -m benchmarks.size $(ARGS)

bench-size-full: .venv/ready ## the same to a million targets (45 GB), in parts of at most an hour: run again to continue
	$(BIN)/python -m benchmarks.size --sizes 10,1000,10000,100000,1000000 --output docs/results/size.json $(ARGS)

bench-kinds: .venv/ready ## flat, graph and inverted lists compared: cost, size, recall; needs ../shared/data
	$(BIN)/python -m benchmarks.kinds $(ARGS)

.PHONY: bench-peers bench-features
bench-features: .venv/ready ## what fewer keypoints, dimensions or bits of each target cost; needs ../shared/data
	$(BIN)/python -m benchmarks.feature_bytes $(ARGS)

bench-peers: .venv/bench ## arcli beside OpenCV brute force, ORB voting with faiss, pHash; needs ../shared/data
	$(BIN)/python -m benchmarks.peers $(ARGS)

.venv/bench: .venv/ready
	$(BIN)/python tools/requirements.py group bench > .venv/bench.txt
	$(BIN)/python -m pip install -qq -c constraints.txt -r .venv/bench.txt
	@touch $@

lowest: .venv-lowest/ready ## the tests of code that uses libraries, with their lowest declared versions
	.venv-lowest/bin/python -m pytest -n $(JOBS) --dist loadfile -m "not bench" $(LOWEST_TESTS) $(ARGS)

# Left out: what Typer's version writes into help and completions; rivals, a spine, drawn text and drawn dials,
# whose keypoints differ in OpenCV 4.9; a missing certificate file, which httpx 0.27 ignores.
LOWEST_TESTS = tests/contract tests/cli tests/vision tests/protocols tests/remote tests/server tests/engine \
	--deselect tests/cli/test_generated.py --deselect tests/cli/test_tree.py::test_each_option_is_explained \
	--deselect tests/engine/test_look_alikes.py \
	--deselect tests/engine/test_early_stop.py::test_a_cover_that_fills_the_photo_is_answered_not_the_spine_beside_it \
	--deselect "tests/engine/test_codes.py::test_check_names_kinds_that_are_taken_for_each_other[dial]" \
	--deselect "tests/engine/test_codes.py::test_check_names_kinds_that_are_taken_for_each_other[text]" \
	--deselect "tests/remote/test_faults.py::test_settings_of_the_environment_that_cannot_be_used_are_named"

install-check: .venv/ready ## sdist, wheel, pip, pipx, and no compiler at all, from a fresh clone: a minute or two
	PYTHON=$(PYTHON) tools/install-check.sh

PYTHONS ?= python3.12 python3.13
pythons: ## the main tests with the other Pythons that are here: some minutes each
	@for p in $(PYTHONS); do $$p -c 'import venv, ensurepip' 2>/dev/null || { echo "$$p is not here"; continue; }; \
		echo "== $$p"; $$p -m venv --clear .venv-$$p && $$p tools/requirements.py group dev > .venv-$$p/dev.txt && \
		.venv-$$p/bin/python -m pip install -qq -c constraints.txt -e '.[$(EXTRAS)]' -r .venv-$$p/dev.txt && \
		.venv-$$p/bin/python -m pytest -n $(JOBS) --dist loadfile -m "not bench" $(PYTHONS_TESTS) $(ARGS) || exit 1; done
PYTHONS_TESTS = tests/contract tests/cli tests/store tests/protocols tests/test_library.py
.PHONY: install-check pythons

audit: ## ask the package index for known weaknesses of the versions in constraints.txt; fails for each it does not know
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install -qq pip-audit
	.venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

wheel: .venv/ready ## build dist/*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

.venv/ready: pyproject.toml constraints.txt tools/requirements.py
	@test -n "$(PYTHON)" || { echo "arcli needs Python 3.11 or newer with venv and pip (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "installing into .venv, once: downloads, and hnswlib is compiled; a minute or two, more on a slow network"
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python tools/requirements.py group dev > .venv/dev.txt
	$(BIN)/python tools/requirements.py group faults >> .venv/dev.txt
	$(BIN)/python tools/requirements.py group pages >> .venv/dev.txt
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[$(EXTRAS)]' -r .venv/dev.txt
	@touch $@

# Of its own, so that tests need none of it.
.venv-docs/ready: pyproject.toml constraints.txt tools/requirements.py
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python tools/requirements.py group docs > .venv-docs/docs.txt
	.venv-docs/bin/python -m pip install -qq -c constraints.txt -r .venv-docs/docs.txt
	@touch $@

.venv-lowest/ready: pyproject.toml constraints.txt tools/requirements.py
	@test -n "$(PYTHON)" || { echo "arcli needs Python 3.11 or newer with venv and pip" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python tools/requirements.py lowest $(EXTRAS) > .venv-lowest/lowest.txt
	.venv-lowest/bin/python tools/requirements.py group dev > .venv-lowest/dev.txt
	.venv-lowest/bin/python -m pip install -qq -c .venv-lowest/lowest.txt -e '.[$(EXTRAS)]' -r .venv-lowest/dev.txt
	@touch $@

constraints: ## rewrite constraints.txt: the newest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python tools/requirements.py group dev > .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py group faults >> .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py group pages >> .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py group docs >> .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py group cluster >> .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py group bench >> .venv-newest/dev.txt
	.venv-newest/bin/python -m pip install -qq -e '.[$(EXTRAS),cluster]' -r .venv-newest/dev.txt
	.venv-newest/bin/python tools/requirements.py pins > constraints.txt
	.venv-newest/bin/python tools/requirements.py compiled server,tupu,large,heic,latin > deploy/without-compiler.txt
	rm -r .venv-newest

clean:
	rm -rf .venv .venv-docs .venv-lowest .venv-python* .venv-audit .venv-newest build dist bench-results demo-output
