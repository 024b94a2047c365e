"""`python -m serving BUNDLE`: the same as `vision-ft serve BUNDLE`."""

from __future__ import annotations

import sys

from serving.cli import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
