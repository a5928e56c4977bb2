# What a record says before its figures. For `source`, from the root of the repository.

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)
cpu=${cpu:-$(uname -m)}
# Before anything is measured: a record that is written into the tree would count as a change.
changed=$(git status --porcelain --untracked-files=no | grep -q . && echo ', with changes' || true)

# record_file [WHAT]: benches/record/<date>-[<what>-]<cpu>.txt
record_file() {
    local name
    name=$(tr -cs 'A-Za-z0-9' '-' <<<"${cpu//(R)/}" | tr 'A-Z' 'a-z' | sed 's/^-//; s/-*$//')
    echo "benches/record/$(date -u +%Y-%m-%d)-${1:+$1-}$name.txt"
}

load_before() { before=$(cut -d' ' -f1-3 /proc/loadavg); }

# header [NOTE..]
header() {
    echo "date     $(date -u +'%Y-%m-%d %H:%M UTC')"
    echo "cpu      $cpu, $(nproc) cores"
    echo "flags    $(grep -m 1 -oE '\b(avx2|avx512_vpopcntdq|asimd)\b' /proc/cpuinfo | sort -u | paste -sd' ' || true)"
    echo "kernel   $(uname -sr)"
    echo "rustc    $(rustc --version)"
    echo "commit   $(git rev-parse --short HEAD)$changed"
    echo "load     $before before, $(cut -d' ' -f1-3 /proc/loadavg) after"
    [[ $# -eq 0 ]] || echo "note     $*"
}
