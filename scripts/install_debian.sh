#!/usr/bin/env bash
# Install the Debian packages that some tests need: chromium, for tests/browser.
#
# Never fails: without apt, root or a network it says so, and those tests are skipped
# with the same message.
set -uo pipefail

note() { echo "setup: chromium is not installed ($1): the browser tests will be skipped." >&2; }

if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    note "there is no apt-get here"
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    root=()
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    root=(sudo -n)
else
    note "this needs root; run: sudo apt-get install chromium"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
if ! "${root[@]}" timeout 300 apt-get install -y -qq --no-install-recommends chromium </dev/null >/dev/null 2>&1; then
    # The package lists of a fresh container are empty.
    "${root[@]}" timeout 120 apt-get update -qq </dev/null >/dev/null 2>&1 &&
        "${root[@]}" timeout 300 apt-get install -y -qq --no-install-recommends chromium </dev/null >/dev/null 2>&1
fi
command -v chromium >/dev/null 2>&1 || note "apt-get could not install it"
exit 0
