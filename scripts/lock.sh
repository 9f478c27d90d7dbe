#!/bin/sh
# Rewrites requirements/*.txt from *.in: every version pinned and hashed, no address.
set -eu
cd "$(dirname "$0")/.."
for name in run dev; do
    .venv/bin/python -m uv pip compile -q --system-certs \
        --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" \
        "requirements/$name.in" -o "requirements/$name.txt"
done
