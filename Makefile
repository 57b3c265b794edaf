# `make book` builds the book, `make test` runs the tests, `make lab` opens the
# notebooks; each sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)
STAMP := $(VENV)/.installed
# torch pins its own CUDA packages, so the lock leaves the choice of build to the reader
UNLOCKED := ^(cuda|nvidia|triton)[-=]

.PHONY: book pdf test lab lint format results tables sums small bench wheel lock clean
.DELETE_ON_ERROR:

book: $(STAMP)
	$(BIN)/python book/build.py

# the same, and the whole book as a PDF, which the gallery then links; needs Chromium
pdf: $(STAMP)
	$(BIN)/python book/build.py --pdf

# a process a core, each of one thread: threads of several wait for each other
test: export OMP_NUM_THREADS = 1
test: $(STAMP)
	$(BIN)/python -m pytest -n logical --dist worksteal

# Kills sweeps at random moments, KILLS times, and looks whether anything is lost.
KILLS := 20
torture: $(STAMP)
	$(BIN)/python tests/torture.py $(KILLS)

# Opens the notebooks ready to run; they train at the scale quick unless told otherwise.
lab: $(STAMP)
	$(BIN)/python -m jupyterlab notebooks

lint: $(STAMP)
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

format: $(STAMP)
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

# The runs behind results/, at the published scale: days from nothing. Only those are
# trained that results/ lacks, so it can be stopped and called again; `make tables`
# packs what is there. VSRNN_MNIST names a folder with the original
# MNIST files; else they are of OpenML. VSRNN_POLICIES names the folder of the DAPG
# policy, see results/README.md; without it the runs that imitate it are left out.
PAPER := --scale paper --option digits=mnist
HAMMER = $(BIN)/vsrnn run hammer --scale paper --seed 0 1 2 --per-pass 1
DIGITS := 0 1 2 3 4 5 6 7 8 9
TEN := $(DIGITS:%=10AH0%) $(addprefix 10AH1,0 1 2 3 4 5 6 7)
NAMED := $(TEN) $(DIGITS:%=25AHV0%) $(DIGITS:%=50AHV0%) \
  $(addprefix adroit_hammer_lstm,25 50) 400AH01 400AH12 25AH020
MILLION := 000000 000100 000110 001001 010000 010010 010100 011000 011001 \
  100010 100100 100110 111111 balanced balanced2 lstm
# design, seed and the epoch of the seed's best validation accuracy in rad_1m
STOPPED := 111111/0/10 111111/1/7 011001/0/3
results: $(STAMP)
	$(BIN)/vsrnn sweep rad 100k --run-seed 0 1 2 3 4 $(PAPER) \
	  --store results/rad_100k
	$(BIN)/vsrnn sweep rad $(MILLION) --run-seed 0 1 2 3 4 $(PAPER) \
	  --store results/rad_1m
	for each in $(STOPPED); do \
	  set -- $$(echo $$each | tr / " "); \
	  $(BIN)/vsrnn run rad $$1 --seed $$2 --epochs $$3 $(PAPER) \
	    --store results/rad_1m_stopped || exit 1; \
	done
	$(BIN)/vsrnn sweep rad even --number 200 --budget 100000 $(PAPER) \
	  --store results/rad_even_100k
	$(BIN)/vsrnn sweep rad normal_size --number 200 --budget 50000 $(PAPER) \
	  --store results/rad_normal_size_50k
	$(BIN)/vsrnn sweep rad normal --number 100 $(PAPER) --store results/rad_normal
	$(HAMMER) $(NAMED) --store results/hammer_named
	for each in 10/1000 25/333 50/200 100/100; do \
	  $(BIN)/vsrnn run hammer $(TEN) --scale quick --seed 0 1 2 --learning-rate 1e-3 \
	    --option demonstrations=$${each%/*} --epochs $${each#*/} \
	    --per-pass 1 --store results/hammer_few || exit 1; \
	done
	$(BIN)/vsrnn sweep hammer even --number 100 --budget 10000 --scale paper \
	  --store results/hammer_even_10k
	$(BIN)/vsrnn sweep hammer normal --number 100 --scale paper \
	  --store results/hammer_normal
ifdef VSRNN_POLICIES
	$(HAMMER) $(NAMED) --option source=dapg_hammer_policy.npz \
	  --store results/hammer_named_dapg
endif
	$(BIN)/vsrnn study hammer_weights --per-pass 5
	$(BIN)/vsrnn study meta --per-pass 24
	for study in navigation survivors sequences pruning; do \
	  $(BIN)/vsrnn study $$study --masks || exit 1; \
	done
	for study in denoise growing adaptation; do \
	  $(BIN)/vsrnn study $$study || exit 1; \
	done
	$(MAKE) tables

# Puts new runs, a JSON file each, into results/*/runs.jsonl.gz. Runs with few
# demonstrations have hundreds of epochs, which no figure shows, and of thousands of small
# runs five digits say enough.
tables: $(STAMP)
	for store in $(filter-out results/hammer_few/ results/meta/,$(wildcard results/*/)); do \
	  $(BIN)/vsrnn table --store $$store --pack || exit 1; \
	done
	$(BIN)/vsrnn table --store results/hammer_few --pack --points 50
	$(BIN)/vsrnn table --store results/meta --pack --digits 5
	$(MAKE) sums

# Lists what is committed in results/ with checksums: nothing else is read from there.
sums: $(STAMP)
	$(BIN)/python -c "import pathlib, vsrnn.files as files; \
	  files.write_sums(pathlib.Path('results'))"

# The small tables behind results/, which `vsrnn verify` compares with: some minutes.
# The second verification of each changes how the processor adds, to see what rounding
# alone does.
SMALL := _build/small
FIVE := 111111_ 000000_ balanced_0 lstm_ rnn_
ROUNDED := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE
small: $(STAMP)
	rm -rf $(SMALL)
	$(BIN)/vsrnn run rad 100k --scale smoke --seed 0 1 2 --per-pass 1 \
	  --store $(SMALL)/smoke
	$(BIN)/vsrnn run rad $(FIVE) --scale quick --seed 0 1 2 --per-pass 1 \
	  --store $(SMALL)/quick
	$(BIN)/vsrnn run rad 000000_ balanced_0 --scale quick --seed 0 1 2 --per-pass 1 \
	  --option split=separate --store $(SMALL)/quick
	for scale in smoke quick; do \
	  $(BIN)/vsrnn table --store $(SMALL)/$$scale --pack || exit 1; \
	  cp $(SMALL)/$$scale/runs.jsonl.gz results/rad_$$scale || exit 1; \
	done
	$(ROUNDED) $(BIN)/vsrnn verify rad_smoke --number 25 --seed 0 \
	  --out results/rounding_smoke.csv
	$(ROUNDED) $(BIN)/vsrnn verify rad_quick --number 6 --seed 0 \
	  --out results/rounding_quick.csv
	$(MAKE) sums

# Measures how fast networks train, and writes results/bench.csv: half an hour on two
# cores that do nothing else. ONLY="ahead" measures the comparison with JAX alone, in
# some ten minutes, and keeps the rest of the table. PEER=path runs the authors' code, too, from a checkout of
# https://github.com/qbhershey/iterativenn.
bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c requirements.lock -e ".[bench]"
	$(if $(PEER),$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c requirements.lock -r benchmarks/peer.txt)
	$(BIN)/python -m benchmarks $(if $(PEER),--peer $(PEER)) $(if $(ONLY),--only $(ONLY))
	$(MAKE) sums

# Builds what is released, and tests it where nothing else of this folder is.
WHEEL := _build/wheel
wheel: $(STAMP)
	$(BIN)/python -m pip install --quiet build
	rm -rf dist $(WHEEL)
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv $(WHEEL)/.venv
	cp -r tests pyproject.toml $(WHEEL)
	cd $(WHEEL) && $(BIN)/python -m pip install --disable-pip-version-check \
	  -c ../../requirements.lock "$$(echo ../../dist/*.whl)[experiments,onnx,test]"
	cd $(WHEEL) && $(BIN)/python -m pytest tests/design tests/models tests/test_estimators.py

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	echo "# Made by 'make lock' for Python 3.11-3.13 on Linux, macOS and Windows." \
	  > requirements.lock.new
	cp requirements.lock requirements.lock.all  # keeps what is locked, adds what lacks
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 \
	  --all-extras --no-annotate --no-header pyproject.toml -o requirements.lock.all
	grep -vE '$(UNLOCKED)' requirements.lock.all >> requirements.lock.new
	mv requirements.lock.new requirements.lock
	rm requirements.lock.all

clean:
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The stamp is written last, so a set-up that was interrupted starts again.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "vsrnn needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not one" \
	  "of them: try 'make PYTHON=python3.11 $(or $(MAKECMDGOALS),book)'."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "'$(PYTHON)' has no venv module: install it (Debian and Ubuntu:" \
	  "'apt install python3-venv') and try again."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check \
	  -c requirements.lock -e ".[adroit,book,cluster,fast,lab,onnx,test,text]"
	@touch $@
