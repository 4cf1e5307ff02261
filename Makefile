# Two commands matter: `make book` and `make test`. Each makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
.DEFAULT_GOAL := help
.PHONY: help book test pairs results lab clean

help: ## what each command does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

book: $(READY) ## execute what changed, build the site, say where to open it
	@$(BIN)/sportsml book

test: $(READY) ## lint, unit tests, pairs in step, nbval, the site from clean, every page in a browser
	@begun=$$(date +%s); $(BIN)/python -m pytest; status=$$?; \
	echo "make test took $$(( $$(date +%s) - begun )) s"; exit $$status

pairs: $(READY) ## after editing notebooks/*.py: write the .ipynb anew, with its checked numbers
	@$(BIN)/sportsml pairs

results: $(READY) ## redo every accepted table from raw data (hours; says how many, goes on after a stop)
	@$(BIN)/sportsml results redo

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

clean: ## remove what was built; the environment, the data and runs/ stay
	rm -rf _build

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the environment in $(VENV) (a few minutes and 2 GB, once) ..."
	@begun=$$(date +%s); test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	{ $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt \
	  -e '.[book,lab,test]' 2>&1; echo "pip ended with $$?"; } | tee $(VENV)/install.log \
	| awk -v tty=$$(test -t 2 && echo 1 || echo 0) 'tty && /^(Collecting|Installing)/ { n++; printf "\r  %3d  %-60.60s", n, $$0; fflush() } END { if (tty) print "" }'; \
	grep -q "^pip ended with 0" $(VENV)/install.log \
	|| { tail -20 $(VENV)/install.log; echo "The installation failed; all of it: $(VENV)/install.log"; exit 1; }; \
	touch $(READY); echo "environment ready in $$(( $$(date +%s) - begun )) s"
