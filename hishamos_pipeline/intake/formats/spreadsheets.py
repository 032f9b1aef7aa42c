"""Tables of a backlog: CSV and TSV as trackers export them, and spreadsheets."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from python_calamine import CalamineError, CalamineWorkbook

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.columns import Table, table_of
from hishamos_pipeline.intake.formats.writing import document, heading, item, line

_LONGEST_HEADER = 10
_MOST_UNPACKED = 200_000_000
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
    _check_size(raw)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        sheets = {
            name: [[_cell(value) for value in row] for row in workbook.get_sheet_by_name(name).to_python()]
            for name in workbook.sheet_names
        }
    except (CalamineError, OSError, ValueError) as error:
        raise IdeaError(
            "brief", f"is no spreadsheet that can be read: {error}", "Save it again, without a password."
        ) from error
    return _document(title, sheets)


def _document(title: str, sheets: Mapping[str, Sequence[Sequence[str]]]) -> str:
    parts = [heading(1, title)]
    found, headers = False, list[str]()
    for name, rows in sheets.items():
        filled = [row for row in rows if any(cell.strip() for cell in row)]
        if not filled:
            continue
        start = _header(filled)
        if start is None:
            headers += [cell for cell in filled[0] if cell.strip()]
            parts += [
                heading(2, name or "Notes"),
                "\n".join(f"- {line('; '.join(filter(None, row)))}" for row in filled),
            ]
            continue
        table = table_of(filled[start])
        found = found or table.has_wishes
        parts += (
            _wishes(table, filled[start + 1 :])
            if table.has_wishes
            else _data(table, name, filled[start + 1 :])
        )
    if not found:
        shown = ", ".join(headers[:20]) or "none"
        raise IdeaError(
            "brief", f"is a table without a column of wishes: it has {shown}", f"Call one of them {_KNOWN}."
        )
    return document(parts)


def _wishes(table: Table, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The wishes that are open, by epic, and those that are done."""
    groups: dict[str, list[str]] = {}
    closed: list[str] = []
    for row in rows:
        wish = table.wish(row)
        if not wish:
            continue
        if table.is_asked_for(row):
            detail = table.cell(row, "detail")
            said = " ".join(detail.split()) in (wish.partition("\n")[0], "")
            groups.setdefault(table.cell(row, "epic"), []).append(item(wish, "" if said else detail))
        else:
            closed.append(item(wish.partition("\n")[0]))
    if groups:
        yield heading(2, "Backlog")
    for epic, items in sorted(groups.items(), key=lambda group: group[0] != ""):
        if epic:
            yield heading(3, f"Epic: {line(epic)}")
        yield "\n".join(items)
    if closed:
        yield heading(2, "Already done")
        yield "\n".join(closed)


def _data(table: Table, name: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A sheet of entities, or of the attributes of one that the sheet is called by."""
    yield heading(2, "Entities")
    if table.has_entities:
        yield "\n".join(f"- {line(table.entity(row))}" for row in rows if table.entity(row))
    else:
        yield f"- {line(name)}: {', '.join(filter(None, map(table.attribute, rows)))}"


def _header(rows: Sequence[Sequence[str]]) -> int | None:
    """The row that names the columns: above it, sheets have titles."""
    for number, row in enumerate(rows[:_LONGEST_HEADER]):
        table = table_of(row)
        if table.has_wishes or table.has_entities or (table.has_fields and "type" in table.columns):
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
