#!/bin/sh
# The example's stand-in for a coding agent: `sh agent.sh TASK-ID <task.md`.
# It writes the task's ```rust block to build/<module>.rs, compiles it with its tests, and runs them.
# A task with a `fn main` is also run as a program, on the example's own text.
set -eu
id=$1
mkdir -p build
body=build/$id.md
cat >"$body"

module=$(sed -n 's/^Module: `\(.*\)`$/\1/p' "$body")
[ -n "$module" ] || { echo "$id: the task names no module" >&2; exit 2; }
source=build/$module.rs

echo "reading the task"
awk '/^```rust$/ { code = 1; next } /^```$/ { code = 0 } code' "$body" >"$source"

echo "compiling $source with its tests"
rustc --edition 2021 --test -o "build/$module-test" "$source"

echo "testing $module"
"build/$module-test" --quiet

if grep -q '^fn main' "$source"; then
    echo "building the program"
    rustc --edition 2021 -O -o "build/$module" "$source"
    "build/$module" text/*.txt
fi
