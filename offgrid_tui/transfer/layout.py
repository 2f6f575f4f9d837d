"""What stands where on a medium, and the bounds that a bundle must keep.

offgrid-bundle/            the signed root: nothing in it that is not signed
  manifest.json  README.txt  LICENCES.txt  SHA256SUMS
  models/<publisher>/<repository>/<file>.gguf        whole, or
  models/<publisher>/<repository>/<file>.gguf.0001 … in parts
offgrid-bundle.sig         OpenSSF Model Signing; outside, since it can't sign itself
offgrid-bundle.pub         the key that it was made with, so that its fingerprint can be shown; trusted by nobody
offgrid-bundle.unfinished  there while an export is under way, or was cut off
"""

from __future__ import annotations

ROOT = "offgrid-bundle"
SIGNATURE = "offgrid-bundle.sig"
PUBLIC_KEY = "offgrid-bundle.pub"
UNFINISHED = "offgrid-bundle.unfinished"

MANIFEST = "manifest.json"
README = "README.txt"
LICENCES = "LICENCES.txt"
SUMS = "SHA256SUMS"
TEXTS = (LICENCES, MANIFEST, README, SUMS)  # what a root holds besides models and their papers
MODELS = "models/"

PARTIAL = ".partial"  # ending of a file that is still being written

# A bundle that goes beyond one of these was not made by us.
MOST_FILES = 20_000
MOST_MODELS = 2_000
DEEPEST = 8  # folders in folders
LONGEST_NAME = 255  # bytes of one component
LARGEST_TEXT = 16 * 2**20  # bytes of the manifest, the signature and other files that are read whole
LARGEST_PAPER = 2**20  # bytes of a receipt or a licence
LARGEST_FILE = 2**46  # bytes

PAPERS = (".receipt.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md", "NOTICE")

# Left on media by desktops, unasked. They are passed over, never read.
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".directory"})


def is_litter(name: str) -> bool:
    return name in LITTER or name.startswith("._")


def is_paper(path: str) -> bool:
    """Whether `path` in a root is a receipt or a licence beside a model."""
    name = path.rpartition("/")[2]
    return path.startswith(MODELS) and (name.endswith(PAPERS[0]) or name in PAPERS)


def part_name(path: str, number: int) -> str:
    """Part `number`, counted from 1, of the file at `path`; `cat` in the order of the names joins them."""
    return f"{path}.{number:04}"
