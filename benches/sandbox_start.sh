#!/bin/sh
# Start-up of an embedded sandbox beside bubblewrap: median of 20 in milliseconds, as the user who runs this.
# Needs bubblewrap (apt-get install bubblewrap) and GNU date.
set -eu
rounds=${1:-20}
cd "$(dirname "$0")/.."

binary=${PTB_SANDBOX_START:-}
if [ -z "$binary" ]; then
    cargo build --quiet --release -p ptb-sandbox --example sandbox_start
    binary=${CARGO_TARGET_DIR:-target}/release/examples/sandbox_start
fi

median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.1f\n", v[int(NR / 2) + 1] / 1000000 }'; }

bubblewrap() {
    i=0
    while [ "$i" -lt "$rounds" ]; do
        start=$(date +%s%N)
        bwrap --unshare-all --die-with-parent --new-session --clearenv --ro-bind /usr /usr --symlink usr/bin /bin \
            --symlink usr/lib /lib --symlink usr/lib64 /lib64 --ro-bind /etc /etc --proc /proc --dev /dev \
            --tmpfs /tmp --tmpfs /home /usr/bin/true
        end=$(date +%s%N)
        echo $((end - start))
        i=$((i + 1))
    done
}

echo "ptb-sandbox $("$binary" "$rounds") ms"
if command -v bwrap >/dev/null; then
    echo "bubblewrap  $(bubblewrap | median) ms (with about 1 to 2 ms for the shell and date)"
else
    echo "bubblewrap  not installed"
fi
