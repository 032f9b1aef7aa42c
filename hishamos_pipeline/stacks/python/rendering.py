"""The Jinja environments of the templates: a stack's own ones come before those that all stacks share."""

import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from hishamos_pipeline.core.text.hashing import hash_files
from hishamos_pipeline.core.text.untrusted import docstring_line, string_literal

TEMPLATES = Path(__file__).parent / "templates"

# Like what Python compiles: whoever may write here could as well change the templates.
_COMPILED = TEMPLATES / "__pycache__"


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates, kept where that can be written; another text or another way of compiling makes a new one."""

    def get_source_checksum(self, source: str) -> str:
        """A hash of the template, of how it is compiled, and by what."""
        return super().get_source_checksum(f"{_compiler()}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Find a compiled template."""
        with suppress(OSError):  # not there, or not ours to read
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template."""
        with suppress(OSError):  # read-only, or full
            Path(self.directory).mkdir(mode=0o755, exist_ok=True)
            super().dump_bytecode(bucket)


@cache
def _compiler() -> str:
    return f"jinja2 {version('jinja2')} {sys.version} {hash_files([Path(__file__)])}"


def open_environment(*folders: Path) -> jinja2.Environment:
    """An environment on folders of templates, the first before the others; an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - the output is source code
        optimized=False,  # no filter is applied when a template is compiled: what is kept depends on no other code
        bytecode_cache=_Compiled(str(_COMPILED)),
    )
    made.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    made.filters["docstring"] = docstring_line
    made.filters["quoted"] = string_literal
    made.filters["step_name"] = _step_name
    return made


def folders_of(stack: str) -> tuple[Path, Path]:
    """Where the templates are that every project of a stack needs, whoever writes its code."""
    return TEMPLATES / stack, TEMPLATES / "shared"


@cache
def environment(stack: str) -> jinja2.Environment:
    """The environment of a stack's templates."""
    return open_environment(*folders_of(stack))


def render(stack: str, template: str, **context: object) -> str:
    """Render one template; values are data and are never rendered themselves."""
    return environment(stack).get_template(template).render(**context)


def _step_name(command: str) -> str:
    names = {"ruff format": "Format", "ruff check": "Lint", "python -m pytest": "Test"}
    return next((name for start, name in names.items() if command.startswith(start)), command)
