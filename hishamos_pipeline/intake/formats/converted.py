"""Documents of word processors and other markups: converted by pandoc, and PDF by its text, with the loss named."""

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.formats.writing import heading
from hishamos_pipeline.intake.headings import excludes_by_name, meaning_of, words_of

# By suffix: what pandoc calls the format, and what people call it.
PANDOC: Mapping[str, tuple[str, str]] = {
    ".docx": ("docx", "Word"),
    ".odt": ("odt", "OpenDocument"),
    ".rtf": ("rtf", "rich text"),
    ".adoc": ("asciidoc", "AsciiDoc"),
    ".asciidoc": ("asciidoc", "AsciiDoc"),
    ".rst": ("rst", "reStructuredText"),
    ".org": ("org", "Org mode"),
    ".html": ("html", "HTML"),
    ".htm": ("html", "HTML"),
    ".tex": ("latex", "LaTeX"),
    ".textile": ("textile", "Textile"),
}
_SECONDS, _MEMORY, _MOST_PAGES = 60, "512M", 500
_INSTALL = "Install it with: pip install 'hishamos-pipeline[documents]'; or save the document as Markdown."
_BULLET = re.compile(r"^\s*[•‣▪●◦·–o]\s+")


def markdown_of_document(raw: bytes, suffix: str) -> tuple[str, str]:
    """The Markdown of a document, and what was lost on the way.

    Raises:
        IdeaError: pandoc is not there, cannot read it, or takes longer or more memory than it may.
    """
    form, name = PANDOC[suffix]
    try:
        import pypandoc
    except ImportError as error:
        raise IdeaError("brief", f"is {name}, which needs pandoc", _INSTALL) from error
    command = [
        pypandoc.get_pandoc_path(), "+RTS", f"-M{_MEMORY}", "-RTS", "--sandbox", "--wrap=none",
        f"--from={form}", "--to=gfm-raw_html", f"--lua-filter={Path(__file__).with_name('flat_tables.lua')}",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            input=raw if raw.startswith(b"PK") else raw + b"\n\n",
            capture_output=True,
            timeout=_SECONDS,
            env={"LANG": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise IdeaError(
            "brief", f"takes longer than {_SECONDS} seconds to convert", "Save it as Markdown."
        ) from None
    if done.returncode:
        told = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise IdeaError(
            "brief", f"is no {name} that pandoc can read: {told}", "Save it again, or as Markdown."
        )
    version = pypandoc.get_pandoc_version()
    note = f"The brief was {name}, converted by pandoc {version}: pictures, comments and layout are lost."
    return done.stdout.decode(errors="replace"), note


def markdown_of_pdf(raw: bytes) -> tuple[str, str]:
    """The text of a PDF as Markdown, and what was lost on the way.

    Raises:
        IdeaError: pypdf is not there, or cannot read it; or it has no text, as scanned pages have none.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise IdeaError("brief", "is PDF, which needs pypdf", _INSTALL) from error
    try:
        pages = PdfReader(io.BytesIO(raw)).pages
        if len(pages) > _MOST_PAGES:
            raise IdeaError(
                "brief", f"has {len(pages)} pages, the limit is {_MOST_PAGES}", "Keep the requirements."
            )
        text = "\n\n".join(page.extract_text() for page in pages)
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, RecursionError, AttributeError) as error:
        raise IdeaError(
            "brief", f"is no PDF that can be read: {type(error).__name__}", "Save it again, or as Markdown."
        ) from error
    if not text.strip():
        raise IdeaError(
            "brief", "is a PDF without text", "Recognise its text first, or write it as Markdown."
        )
    note = "The brief was PDF: only its text is read; pictures, tables and layout are lost, headings guessed."
    return _with_headings(text), note


def _with_headings(text: str) -> str:
    """Text of which the lines that name sections, and the first one, are headings, and bullets are lists."""
    lines: list[str] = []
    for number, line in enumerate(text.strip().splitlines()):
        name = words_of(line)
        if number == 0 and len(line) <= 100:
            lines.append(heading(1, line))
        elif (
            len(line) <= 60
            and not line.rstrip().endswith((".", ","))
            and (meaning_of(name) or excludes_by_name(name))
        ):
            lines += ["", heading(2, line)]
        else:
            lines.append(_BULLET.sub("- ", line))
    return "\n".join(lines)
