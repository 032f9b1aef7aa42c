"""What a materialization shows in the UI: a preview, a table, stable figures, and where it came from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.artifacts.tracing import TraceRow
from hishamos_pipeline.core.text.untrusted import markdown_line
from hishamos_pipeline.generation.runner import StepResult

PREVIEW_BYTES = 2000
# Where Dagster looks for the data version of an event; it has no public name for it.
DATA_VERSION_TAG = "dagster/data_version"
_ROWS = 200


def materialization(
    made: StepResult[Any],
    *,
    preview: str,
    figures: Mapping[str, int | float],
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[object]]]] | None = None,
    location: Path | None = None,
    links: Mapping[str, str] | None = None,
    facts: Mapping[str, str] | None = None,
    asked_for: bool = True,
) -> dg.MaterializeResult[Any]:
    """The result of a project asset; its data version is the content's hash.

    Args:
        made: the artifact.
        preview: Markdown, cut at 2 kB.
        figures: numbers that Dagster plots over time; always under the same names.
        tables: by name, column names and rows; at most 200 rows are shown.
        location: where the artifact's files are.
        links: URLs by name; empty ones are left out.
        facts: texts by name; empty ones are left out.
        asked_for: whether anybody wants it; if not, nothing was made.
    """
    document: Document = made.document
    metadata: dict[str, Any] = {
        "preview": dg.MetadataValue.md(shortened(preview)),
        **figures,
        **{name: shown_table(*table) for name, table in (tables or {}).items()},
        **{name: dg.MetadataValue.url(url) for name, url in (links or {}).items() if url},
        **{name: text for name, text in (facts or {}).items() if text},
        "revision": made.row.revision,
        "seconds": made.row.seconds,
        "llm.calls": made.row.calls,
        "llm.input_tokens": made.row.input_tokens,
        "llm.output_tokens": made.row.output_tokens,
        "llm.cost_usd": made.row.cost_usd,
        "engine": made.row.engine,
        "prompt_version": made.row.prompt_version or "none",
        "content_hash": made.row.content_hash,
        "reused": made.reused,
        "made": "found up to date" if made.reused else f"made: {made.reason}",
        "kind_of_document": type(document).__name__,
        "asked_for": asked_for,
    }
    if location is not None:
        metadata["location"] = dg.MetadataValue.path(location)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(made.row.content_hash),
        metadata=metadata,
    )


def shortened(text: str) -> str:
    """Text of at most 2 kB in UTF-8, cut at the end of a line."""
    if len(text.encode()) <= PREVIEW_BYTES:
        return text
    cut = text.encode()[: PREVIEW_BYTES - 10].decode(errors="ignore")
    return cut.rsplit("\n", 1)[0] + "\n\n…"


def shown(text: str) -> str:
    """A line from a brief as Markdown that shows it as text."""
    return markdown_line(text).replace("!", "\\!")


def traceability(rows: Sequence[TraceRow]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The table from requirements to tests and costs; commits are empty as long as there is no repository."""
    columns = ("requirement", "story", "criterion", "test", "result", "files", "commit", "USD")
    return columns, [
        (
            *(r.requirement, r.story or r.status, r.criterion, r.test, r.result),
            *(", ".join(r.files), r.commit[:8], r.cost_usd),
        )
        for r in rows
    ]


def shown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.TableMetadataValue:
    """A table, of at most 200 rows."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    records = [
        dg.TableRecord(
            {
                name: value if isinstance(value, int | float) else str(value)
                for name, value in zip(columns, row, strict=True)
            }
        )
        for row in rows[:_ROWS]
    ]
    return dg.MetadataValue.table(records=records, schema=schema)
