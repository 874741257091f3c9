#!/usr/bin/env python
"""Time what a newcomer waits for: the first run of a small table, and the page of a run.

    .venv/bin/python ci/bench/pages.py --work /tmp/bench --rounds 3

A table of 500 rows is made, `penstock init` and a first `penstock run` are timed with nothing cached; then the flights
run, twice with different seeds so that there is a baseline, and `penstock report` of it. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import HEADING, Series, fail_unless, run

REPOSITORY = Path(__file__).resolve().parents[2]
PENSTOCK = str(REPOSITORY / ".venv" / "bin" / "penstock")
ROWS = 500


def small_table(path: Path) -> None:
    """Write 500 customers, of whom some leave: numbers, categories, a date, gaps."""
    draw = random.Random(500)  # noqa: S311 - a table, no secret
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["customer", "joined", "plan", "age", "monthly charge", "calls", "left"])
        for number in range(ROWS):
            plan, age, charge, calls = (
                draw.choice(["basic", "plus", "max"]),
                draw.randint(18, 85),
                draw.gauss(60, 20),
                draw.randint(0, 9),
            )
            leaves = draw.gauss(0, 1) + (charge - 60) / 15 + 0.3 * (calls - 4) - (plan == "max") > 0.5
            joined = f"20{draw.randint(15, 24)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
            gap = draw.random() < 0.05
            rows.writerow(
                [f"C{number:05}", joined, plan, "" if gap else age, f"{charge:.2f}", calls, "yes" if leaves else "no"]
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for tables, homes and logs")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    series: dict[str, Series] = {}

    def timed(name: str, words: list[str], *, home: Path, cwd: Path, codes: tuple[int, ...] = (0,)) -> None:
        log = work / "logs" / f"{name.replace(' ', '-')}.txt"
        figures = run([PENSTOCK, "--home", str(home), *words], log=log, cwd=cwd)
        fail_unless(figures.exit_code in codes, f"{name}: exit code {figures.exit_code}, see {log}")
        series.setdefault(name, Series(name)).runs.append(figures)

    for _ in range(arguments.rounds):
        project = work / "project"
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        small_table(project / "leaving.csv")
        home = project / "home"
        timed(
            "init on 500 rows", ["init", "leaving", "--data", "leaving.csv", "--label", "left"], home=home, cwd=project
        )
        timed("first run on 500 rows", ["run", "leaving"], home=home, cwd=project, codes=(0, 3))
        timed("report on 500 rows", ["report", "latest", "--output", "leaving.html"], home=home, cwd=project)

    home = work / "home-pages"
    shutil.rmtree(home, ignore_errors=True)
    for seed in ("1", "2"):
        run(
            [PENSTOCK, "--home", str(home), "run", "flights", "--set", f"train.seed={seed}"],
            log=work / "logs" / "flights.txt",
            cwd=REPOSITORY,
        )
    page = work / "flights.html"
    for _ in range(arguments.rounds):
        timed("report on the flights run", ["report", "latest", "--output", str(page)], home=home, cwd=REPOSITORY)
    print(HEADING)
    for one in series.values():
        print(one.line())
    print(f"\nThe page of the flights run has {page.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
