"""`python -m tools.docs`: write every generated page. With `--check`: say which are out of date, and end with 1."""

from __future__ import annotations

import sys

from tools.docs import cli, settings
from tools.docs.page import main

if __name__ == "__main__":
    sys.exit(main(cli.PAGE, settings.PAGE))
