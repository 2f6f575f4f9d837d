"""`make bench`: every benchmark, one after the other. `python -m benchmarks --quick` for a look."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys

MODULES = (
    "benchmarks.engine",
    "benchmarks.threads",
    "benchmarks.screen",
    "benchmarks.ui",
    "benchmarks.catalog_table",
    "benchmarks.catalog",
    "benchmarks.downloads",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every benchmark, one after the other.")
    parser.add_argument("--python", help="an interpreter that has llama_cpp (default: this one, or what make built)")
    parser.add_argument("--quick", action="store_true", help="few rounds of little: a look, not a measurement")
    parser.add_argument("--json", action="store_true", help="print one object: module -> report")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    flags = [f"--{name}" for name in ("quick", "json") if getattr(arguments, name)]
    flags += ["--python", arguments.python] if arguments.python else []

    # A process for each: what one loaded, started or broke is not there for the next.
    reports, failed = {}, []
    for module in MODULES:
        print(f"== {module}", file=sys.stderr, flush=True)
        code, output = _run([sys.executable, "-m", module, *flags])
        if code:
            failed.append(module)
        elif arguments.json:
            reports[module] = json.loads(output)
        else:
            print(output, flush=True)
    if arguments.json:
        print(json.dumps(reports, indent=2, ensure_ascii=False))
    for module in failed:
        print(f"{module} did not end well: see above", file=sys.stderr)
    return 1 if failed else 0


def _run(command: list[str]) -> tuple[int, str]:
    """Exit code and standard output. The child is asked to end where we are."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate()
    except BaseException:
        process.terminate()  # it ends what it started, then itself
        process.wait(60)
        raise
    return process.returncode, output


if __name__ == "__main__":
    raise SystemExit(main())
