#!/usr/bin/env bash
# tests/mutants.sh: changes what decides about trust, values, private files, locks and ends (.cargo/mutants.toml says where),
# one thing at a time, and fails where no test notices.
#
# Arguments go to cargo-mutants: `bash tests/mutants.sh --re src/run/lock`. Builds cargo-mutants where it is missing, once a
# user. Works on a copy in target/mutants. What survived stands in target/mutants/mutants.out/missed.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=27.1.0
dest=${XDG_CACHE_HOME:-$HOME/.cache}/feature-build/cargo-mutants-$VERSION
mutants=$(command -v cargo-mutants || echo "$dest/bin/cargo-mutants")
if [ "$("$mutants" mutants --version 2>/dev/null)" != "cargo-mutants $VERSION" ]; then
    mutants=$dest/bin/cargo-mutants
    [ -x "$mutants" ] || cargo install --quiet --locked --root "$dest" "cargo-mutants@$VERSION"
fi

say() { printf 'tests/mutants.sh: %s\n' "$*"; }

# An expression that excuses nothing would excuse the next mutant that it happens to fit.
all=$("$mutants" mutants --list --no-config -f 'src/**/*.rs')
excused=$(sed -n "s/^    '\(.*\)',\$/\1/p" .cargo/mutants.toml)
[ -n "$excused" ] || { say "found no list of equivalent mutants in .cargo/mutants.toml"; exit 1; }
while IFS= read -r expression; do
    grep -qE -- "$expression" <<<"$all" || { say "$expression in .cargo/mutants.toml fits no mutant"; exit 1; }
done <<<"$excused"

out=$PWD/target/mutants
copy=$out/tree
mkdir -p "$copy"
# What was built of others stays. The copies are newer than all of it: else what the last mutant made would count for them.
find "$copy" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | xargs -0 cp --preserve=mode --parents -t "$copy"
rm -rf "$out/mutants.out" "$out/mutants.out.old"

export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=false
unset CARGO_TARGET_DIR

# Tries all that was not noticed before; 2 and 3 say that some mutants survived, or came to no end.
round() {
    local code=0
    "$mutants" mutants --dir "$copy" --in-place --output "$out" --no-shuffle --iterate "$@" || code=$?
    case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
    # What goes round in circles has been noticed.
    cat "$out/mutants.out/timeout.txt" >>"$out/mutants.out/caught.txt"
}

say "unit tests"
round "$@" --exclude src/cli/cancel.rs --cargo-arg=--lib -- -- \
    agent::starter workspace::placeholder workspace::private workspace::trust run::claim run::lock run::order run::seal
say "what these do not notice: the product from outside"
round "$@" --cargo-arg=--test=cli --cargo-arg=--test=run --cargo-arg=--test=trust -- -- \
    cancel:: ended:: gate:: history:: init:: levels:: owners:: places:: terminal::

if [ -s "$out/mutants.out/missed.txt" ]; then
    say "no test notices these:"
    cat "$out/mutants.out/missed.txt"
    exit 1
fi
say "every mutant was noticed"
