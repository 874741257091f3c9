# Two commands for everyone, a few for those who work on Penstock. Every target sets up what it needs.

.PHONY: demo test check setup generate lock clean help

help:            ## Show this.
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: setup      ## Run the flights pipeline on 336,776 real flights: data to servable model, with lineage.
	.venv/bin/penstock run flights

test: setup      ## Run all the tests.
	ci/test

check: setup     ## Format, lint, types, layers, generated files, all the tests: what must pass before a commit.
	ci/check

setup:           ## Make .venv and .venv-serving from the hashed locks.
	@ci/setup

generate: setup  ## Make every generated file again.
	ci/generate

lock:            ## Pin every environment again, from its requirements.in.
	ci/lock

clean:           ## Remove the environments and everything that can be made again; runs in .penstock stay.
	rm -rf .venv .venv-serving .cache build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
