#!/bin/sh
# Find a Python that is new enough and let tools/setup.py do the rest. PYTHON=... names one yourself.
# Shell, because the point of this file is the machine on which Python is missing or too old.
set -eu
cd -- "$(dirname -- "$0")/.."

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

version_of() {
    "$1" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo "no working Python"
}

how="On Debian or Ubuntu type: sudo apt-get install python3.11 python3.11-venv   On macOS: brew install python@3.12"

if [ -n "${PYTHON:-}" ]; then
    if ! new_enough "$PYTHON"; then
        echo "vergence needs Python 3.11 or newer, but PYTHON=$PYTHON is $(version_of "$PYTHON"). Type: make PYTHON=/path/to/python3.11   or leave PYTHON out." >&2
        exit 1
    fi
    exec "$PYTHON" tools/setup.py "$@"
fi

for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if new_enough "$python"; then
        exec "$python" tools/setup.py "$@"
    fi
done
echo "vergence needs Python 3.11 or newer; python3 here is $(version_of python3). $how   Then type make again, or name one: make PYTHON=/path/to/python3.11" >&2
exit 1
