#!/usr/bin/env bash
# Makes the virtual environment named by the first argument with the first Python >= 3.11 found.
set -euo pipefail
target=${1:-.venv}

suitable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

for python in ${PYTHON:-} python3 python python3.14 python3.13 python3.12 python3.11; do
    if suitable "$python"; then
        echo "Making $target with $("$python" --version) ($(command -v "$python"))"
        if ! "$python" -m venv "$target"; then
            rm -rf "$target"
            echo "This Python cannot make virtual environments." >&2
            echo "On Debian and Ubuntu: apt install python3-venv; or name another one: make PYTHON=..." >&2
            exit 1
        fi
        exit 0
    fi
done
echo "tidu needs Python 3.11 or newer; none was found. Name one with: make PYTHON=/path/to/python3" >&2
exit 1
