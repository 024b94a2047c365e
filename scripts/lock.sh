#!/usr/bin/env bash
# Resolve pyproject.toml into the three lock files; arguments go to uv (--upgrade, say).
#
#   requirements.lock         everything: the extras train, serve and dev
#   requirements-serve.lock   a serving machine without a GPU: the extra serve-cpu, no torch
#   scripts/serve_tests.lock  what tests/serving needs on top of that
#
# The locks hold for every platform and name no registry. The two for serving take the
# versions of the first, so that a bundle is served with what it was tested with.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(scripts/find_uv.sh)
compile() {
    # The override in [tool.uv] turns opencv-python-headless off; its dead line is left out.
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-emit-package opencv-python-headless \
        --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --extra train --extra serve --extra dev -o requirements.lock "$@"
compile pyproject.toml --extra serve-cpu -c requirements.lock -o requirements-serve.lock "$@"
compile scripts/serve_tests.in -c requirements.lock -c requirements-serve.lock -o scripts/serve_tests.lock "$@"
wc -c requirements.lock requirements-serve.lock scripts/serve_tests.lock
