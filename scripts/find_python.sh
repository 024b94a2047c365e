#!/usr/bin/env bash
# Print the path of a Python >= 3.11: $PYTHON if given, else the first on the PATH.
set -euo pipefail

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

for name in ${PYTHON:-python3.11 python3 python3.12 python3.13 python}; do
    if usable "$name"; then
        "$name" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
echo "setup: vision-ft needs Python 3.11 or newer, and found none as ${PYTHON:-python3.11 or python3}." \
    "Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2
exit 1
