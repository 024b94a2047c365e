#!/usr/bin/env bash
# Bring one environment to what its lock files say, and install the project in it, editable.
#
#   scripts/make_env.sh FOLDER LOCK [LOCK ...]
#
# What the locks do not name is removed, every file is checked against its hash, and
# FOLDER/.stamp tells make that the environment is complete.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
shift
export VIRTUAL_ENV="" UV_PYTHON_PREFERENCE="${UV_PYTHON_PREFERENCE:-system}"

uv=$(scripts/find_uv.sh)
rm -f "$folder/.stamp"
if ! "$folder/bin/python" -c '' >/dev/null 2>&1; then
    "$uv" venv --quiet --clear --python "$(scripts/find_python.sh)" "$folder"
fi
echo "setup: $folder from $*"
"$uv" pip sync --quiet --python "$folder/bin/python" --require-hashes "$@"
"$uv" pip install --quiet --python "$folder/bin/python" --no-deps --editable .
touch "$folder/.stamp"
echo "setup: $folder is ready ($("$folder/bin/python" -V))"
