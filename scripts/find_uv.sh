#!/usr/bin/env bash
# Print the path of uv: the one on the PATH if it is recent enough, else one that pip puts
# beside the environments in .venv-uv/ (a folder of its own, so no system package is touched).
set -euo pipefail
cd "$(dirname "$0")/.."

oldest="0.7"

# A shim can be on the PATH and answer nothing, so the version is asked for.
recent() {
    local version
    version=$("$1" --version 2>/dev/null | cut -d' ' -f2) || return 1
    [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$oldest" "$version" | sort -V | head -n1)" = "$oldest" ]
}

for candidate in uv "$PWD/.venv-uv/bin/uv"; do
    if recent "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done

python=$(scripts/find_python.sh)
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "setup: neither uv nor pip was found. Install one of them (Debian: apt-get install python3-pip)." >&2
    exit 1
fi
"$python" -m pip install --quiet --disable-pip-version-check --target .venv-uv "uv>=$oldest" >&2
if ! recent "$PWD/.venv-uv/bin/uv"; then
    echo "setup: pip installed uv in .venv-uv, but it does not run." >&2
    exit 1
fi
echo "$PWD/.venv-uv/bin/uv"
