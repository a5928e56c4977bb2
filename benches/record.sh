#!/usr/bin/env bash
# Runs all benchmarks briefly and writes benches/record/<date>-<cpu>.txt: benches/record.sh [NOTE]
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/header.sh
file=$(record_file)

# A directory of its own, so that no figure of an earlier run can get in.
CRITERION_HOME=$(mktemp -d)
export CRITERION_HOME
trap 'rm -rf "$CRITERION_HOME"' EXIT

load_before
cargo bench --bench '*' -- --warm-up-time 0.3 --measurement-time 1 --noplot
{
    header "$@"
    echo
    python3 benches/record.py "$CRITERION_HOME"
} >"$file.new"
mv "$file.new" "$file"
echo "wrote $file"
