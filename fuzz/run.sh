#!/usr/bin/env bash
# fuzz/run.sh SECONDS [LAW...]: tries each law (default: all) so long with libFuzzer. Needs a C++ compiler, and no nightly
# Rust. What it finds lies in fuzz/artifacts/LAW; what it learned, in fuzz/corpus/LAW.
set -euo pipefail
cd "$(dirname "$0")"

readonly seconds=${1:?seconds}
shift
# What is built in has the versions that the product has.
[ -e Cargo.lock ] || cp ../Cargo.lock Cargo.lock
target=$(rustc -vV | sed -n 's/^host: //p')
# As `cargo fuzz` builds, without a sanitizer: there is no unsafe code to watch.
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing'
RUSTFLAGS=${coverage//$'\n'/ } cargo build --release --target "$target"

laws=("$@")
[ ${#laws[@]} -gt 0 ] || mapfile -t laws < <(ls ../tests/fuzz/corpus)
for law in "${laws[@]}"; do
    mkdir -p "corpus/$law" "artifacts/$law"
    echo "fuzz: $law, $seconds seconds"
    FEATURE_BUILD_LAW=$law "target/$target/release/law" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="artifacts/$law/" \
        "corpus/$law" "../tests/fuzz/corpus/$law" ../tests/agents/sessions 2>"artifacts/$law.log" ||
        { tail -40 "artifacts/$law.log"; exit 1; }
    grep -E '^stat::number_of_executed_units|^Done' "artifacts/$law.log"
done
