# OffGrid: `make run` opens the workstation, `make test` runs every test. See README.md.
