"""feature-build beside what people would use instead: `python3 benches/compare`.

Sets up the peers that package registries offer (into the user's cache folder, once), runs them and the release build on
the same work in turns, and writes a table with medians and spread into docs/benchmarks.md and a chart into docs/images.
What could not be set up is named. Takes some minutes; not for CI.

    python3 benches/compare [--rounds N] [runners] [waves] [servers]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import chart  # noqa: E402
import peers  # noqa: E402
import runners  # noqa: E402
import servers  # noqa: E402
from measure import Cell  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/benchmarks.md"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", nargs="*", default=["runners", "waves", "servers"], help="which tables")
    arguments.add_argument("--rounds", type=int, default=7)
    asked = arguments.parse_args()
    program = ROOT / "target/release/feature-build"
    # Even where there is one: it may be older than what it is measured for.
    subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    found = peers.set_up()
    if "runners" in asked.what:
        rows, missing = runners.measure(program, found, asked.rounds)
        put("runners", table(rows) + named(missing))
        chart.bars(ROOT / "docs/images/runners.svg", "1,000 times `true`, 8 at a time: seconds", rows, "wall")
    if "waves" in asked.what:
        put("waves", table(runners.waves(program, asked.rounds)) + named({}))
    if "servers" in asked.what:
        corpus = Path(os.environ.get("FEATURE_BUILD_CORPUS", ROOT / "../shared/corpus")) / "guardkit"
        if not corpus.is_dir():
            sys.exit(f"servers: no task files at {corpus}; FEATURE_BUILD_CORPUS names the folder")
        rows, missing = servers.measure(program, found, corpus.resolve(), asked.rounds)
        put("servers", table(rows) + named(missing))


def table(rows: list[dict[str, Cell | str]]) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def named(missing: dict[str, str]) -> str:
    load = f"{os.getloadavg()[0]:.0f}"
    about = f"\nMeasured on {os.cpu_count()} cores ({platform.machine()}), load {load}, {time.strftime('%Y-%m-%d')}."
    not_there = "; ".join(f"{name} ({why})" for name, why in sorted(missing.items()))
    return about + (f" Not set up: {not_there}.\n" if missing else "\n")


def put(what: str, text: str):
    """Replaces what stands between this table's marks."""
    begin, end = f"<!-- {what}: written by `python3 benches/compare` -->", f"<!-- end of {what} -->"
    before, _, rest = PAGE.read_text().partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        sys.exit(f"{PAGE} has no place for the table of {what}:\n{text}")
    PAGE.write_text(f"{before}{begin}\n{text}{end}{after}")
    print(text)


if __name__ == "__main__":
    main()
