"""Tables of a backlog: CSV and TSV as trackers export them, and spreadsheets."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from python_calamine import CalamineWorkbook

from hishamos_pipeline.core.text.untrusted import without_tricks
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.columns import Table, table_of
from hishamos_pipeline.intake.formats.writing import document, heading, item, line
from hishamos_pipeline.intake.headings import excludes_by_name, meaning_of, words_of

_LONGEST_HEADER = 10
_MOST_UNPACKED, _MOST_CELLS = 200_000_000, 500_000
_KNOWN = "Summary, Title, Name, User Story, Feature, Requirement, or As a / I want / So that"


def markdown_of_text(text: str, title: str) -> str:
    """The Markdown of a table in CSV or TSV.

    Raises:
        IdeaError: it is no table, or none of its columns holds wishes.
    """
    return _document(title, {"": _rows(text)})


def markdown_of_workbook(raw: bytes, title: str) -> str:
    """The Markdown of a spreadsheet's sheets (XLSX, XLS, ODS).

    Raises:
        IdeaError: it cannot be read, or none of its sheets holds wishes.
    """
    try:
        _check_size(raw)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = {
            name: [[_cell(value) for value in row] for row in _cells(workbook, name)]
            for name in workbook.sheet_names
        }
    except IdeaError:
        raise
    except Exception as error:  # whatever a damaged file makes the libraries raise
        told = without_tricks(f"{type(error).__name__}: {error}")[:200]
        fix = "Save it again, without a password."
        raise IdeaError("brief", f"is no spreadsheet that can be read: {told}", fix) from error
    return _document(title, sheets)


def _cells(workbook: CalamineWorkbook, name: str) -> list[list[object]]:
    """The cells of a sheet, as many as anybody's backlog has: one far away makes a rectangle of all between."""
    sheet = workbook.get_sheet_by_name(name)
    rows, columns = sheet.total_height, sheet.total_width
    if rows * columns > _MOST_CELLS:
        problem = f"has a sheet {name[:60]!r} of {rows:,} rows and {columns:,} columns"
        raise IdeaError("brief", problem, "Remove what stands far from the table, or save it as CSV.")
    return [list(row) for row in sheet.to_python()]


def _document(title: str, sheets: Mapping[str, Sequence[Sequence[str]]]) -> str:
    parts: list[str] = []
    found, headers = False, list[str]()
    for name, rows in sheets.items():
        filled = [row for row in rows if any(cell.strip() for cell in row)]
        if not filled:
            continue
        start = _header(filled)
        table = table_of(filled[start]) if start is not None else None
        parts.append(heading(2, _heading(name, table)))
        parts += [line("; ".join(filter(None, row))) for row in filled[: start or 0]]
        if table is None or start is None:
            headers += [cell for cell in filled[0] if cell.strip()]
            parts.append("\n".join(f"- {line('; '.join(filter(None, row)))}" for row in filled))
            continue
        found = found or table.has_wishes
        parts += (
            _wishes(table, filled[start + 1 :])
            if table.has_wishes
            else _data(table, name, filled[start + 1 :])
        )
    if not found:
        shown = ", ".join(name.strip()[:40] for name in headers[:20]) or "none"
        problem = f"is a table without a column of wishes: it has {shown}"
        raise IdeaError("brief", problem, f"Call one of them {_KNOWN}.")
    return document(title, parts)


def _heading(sheet: str, table: Table | None) -> str:
    """A sheet's heading: its name where that says what it holds, else what its table is."""
    name = words_of(sheet)
    if meaning_of(name) or excludes_by_name(name):
        return sheet
    if table is None:
        return sheet or "Notes"
    kind = "Backlog" if table.has_wishes else "Entities"
    return f"{kind}: {sheet}" if sheet else kind


def _wishes(table: Table, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The wishes that are open, by epic, and the rows that are none: what is done, and what is no wish."""
    groups: dict[str, list[str]] = {}
    left_out: dict[str, list[str]] = {}
    for row in rows:
        wish = table.wish(row)
        if not wish:
            continue
        if table.is_asked_for(row):
            groups.setdefault(table.cell(row, "epic"), []).append(item(wish, table.rest(row)))
        else:
            why = "Already done" if table.is_done(row) else "Not planned"
            left_out.setdefault(why, []).append(item(wish.partition("\n")[0]))
    for epic, items in sorted(groups.items(), key=lambda group: group[0] != ""):
        if epic:
            yield heading(3, f"Epic: {line(epic)}")
        yield "\n".join(items)
    for why, items in left_out.items():
        yield heading(3, why)
        yield "\n".join(items)


def _data(table: Table, name: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A sheet of entities, or of the attributes of one that the sheet is called by."""
    if table.has_entities:
        yield "\n".join(f"- {line(table.entity(row))}" for row in rows if table.entity(row))
    else:
        yield f"- {line(name)}: {', '.join(filter(None, map(table.attribute, rows)))}"


def _header(rows: Sequence[Sequence[str]]) -> int | None:
    """The row that names the columns: above it, sheets have titles."""
    for number, row in enumerate(rows[:_LONGEST_HEADER]):
        table = table_of(row)
        if table.is_backlog or table.has_entities or (table.has_fields and "type" in table.columns):
            return number
    return None


def _rows(text: str) -> list[list[str]]:
    if text.lower().startswith("sep="):
        text = text.partition("\n")[2]
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:20_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if "\t" in text.partition("\n")[0] else csv.excel
    dialect.doublequote = True  # the sniffer sees it only where it is used early
    try:
        return list(csv.reader(io.StringIO(text, newline=""), dialect))
    except csv.Error as error:
        raise IdeaError(
            "brief", f"is not a table that can be read: {error}", "Export it again as CSV."
        ) from error


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if value is not None else ""


def _check_size(raw: bytes) -> None:
    """Refuse a spreadsheet that would be larger in memory than anybody's backlog is."""
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _MOST_UNPACKED:
        raise IdeaError(
            "brief",
            f"has {size:,} bytes when unpacked, the limit is {_MOST_UNPACKED:,}",
            "Keep the sheet of wishes.",
        )
