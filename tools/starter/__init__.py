"""Makes Pocket, the starter model, from scratch: `python -m tools.starter --help`, or `make starter`."""
