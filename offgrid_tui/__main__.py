"""`python -m offgrid_tui`, and the `offgrid` command."""

from __future__ import annotations

import sys


def main() -> int:
    # The CLI is imported here, and every command by the CLI: `offgrid --version` answers before Textual could load.
    from offgrid_tui.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
