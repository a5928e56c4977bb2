#!/usr/bin/env bash
# Runs all benchmarks briefly and writes benches/record/<date>-<cpu>.txt: benches/record.sh [NOTE]
set -euo pipefail
cd "$(dirname "$0")/.."

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)
cpu=${cpu:-$(uname -m)}
name=$(tr -cs 'A-Za-z0-9' '-' <<<"${cpu//(R)/}" | tr 'A-Z' 'a-z' | sed 's/^-//; s/-*$//')
file=benches/record/$(date -u +%Y-%m-%d)-$name.txt
changed=$(git status --porcelain --untracked-files=no | grep -q . && echo ', with changes' || true)

# A directory of its own, so that no figure of an earlier run can get in.
CRITERION_HOME=$(mktemp -d)
export CRITERION_HOME
trap 'rm -rf "$CRITERION_HOME"' EXIT

before=$(cut -d' ' -f1-3 /proc/loadavg)
cargo bench --bench '*' -- --warm-up-time 0.3 --measurement-time 1 --noplot
{
    echo "date     $(date -u +'%Y-%m-%d %H:%M UTC')"
    echo "cpu      $cpu, $(nproc) cores"
    echo "flags    $(grep -m 1 -oE '\b(avx2|avx512_vpopcntdq|asimd)\b' /proc/cpuinfo | sort -u | paste -sd' ' || true)"
    echo "kernel   $(uname -sr)"
    echo "rustc    $(rustc --version)"
    echo "commit   $(git rev-parse --short HEAD)$changed"
    echo "load     $before before, $(cut -d' ' -f1-3 /proc/loadavg) after"
    [[ $# -eq 0 ]] || echo "note     $*"
    echo
    python3 benches/record.py "$CRITERION_HOME"
} >"$file.new"
mv "$file.new" "$file"
echo "wrote $file"
