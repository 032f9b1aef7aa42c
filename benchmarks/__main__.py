"""``python -m benchmarks [NAME…]`` measures all, or what is named, and writes that into docs/benchmarks.md."""

import sys

from benchmarks import (
    api,
    archiving,
    briefs,
    change_cost,
    changing,
    models,
    operating,
    pipeline,
    publishing,
    reading,
    report,
    throughput,
    workflows,
)

MEASURED = {
    "pipeline": pipeline.measure,
    "reading": reading.measure,
    "archiving": archiving.measure,
    "models": models.measure,
    "changing": changing.measure,
    "change_cost": change_cost.measure,
    "publishing": publishing.measure,
    "operating": operating.measure,
    "throughput": throughput.measure,
    "api": api.measure,
    "workflows": workflows.measure,
}


def main(names: list[str]) -> None:
    """Measure; each part is written down as soon as it is known."""
    unknown = set(names) - {*MEASURED, "briefs"}
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join([*MEASURED, 'briefs'])}")
    for name, measure in MEASURED.items():
        if not names or name in names:
            rows = measure()
            for row in rows:
                sys.stdout.write(f"{'ok ' if row.kept else 'NOT'} {row.name}: {row.figure} ({row.bound})\n")
            report.write(name, report.table(rows))
    if not names or "briefs" in names:
        report.write("briefs", [*briefs.HEAD, *briefs.measure()])


if __name__ == "__main__":
    main(sys.argv[1:])
