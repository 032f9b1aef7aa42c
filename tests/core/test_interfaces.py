"""Interfaces as stub text: read, brought into one form, compared with code."""

import ast
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hishamos_pipeline.core.text.conformance import conformance, differences
from hishamos_pipeline.core.text.interfaces import is_empty, normalised, read_interface

LEDGER = dedent(
    '''
    from dataclasses import dataclass
    from decimal import Decimal

    ERROR: str = "error"
    SEVERITIES = ("error", "warning")

    class LedgerError(ValueError):
        """A ledger that cannot be."""

    @dataclass(frozen=True)
    class Posting:
        """One line."""
        account: str
        amount: Decimal
        memo: str = ""

        @property
        def side(self) -> str:
            """debit, credit or none."""

        def __len__(self) -> int: ...

    class Ledger:
        def __init__(self, entries: Iterable[Entry] = (), *, name: str = "ledger") -> None: ...
        def __or__(self, other: "Ledger") -> "Ledger": ...
        @classmethod
        def read(cls, path: str | Path) -> Ledger: ...
        @property
        def name(self) -> str: ...

    async def fetch(url: str, *, timeout: float = ...) -> Optional[bytes]: ...
    '''
)
CODE = dedent(
    '''
    """Docs."""
    import decimal
    from dataclasses import dataclass

    ERROR = "error"
    WARNING = "warning"
    SEVERITIES = (ERROR, WARNING)

    class LedgerError(ValueError):
        pass

    @dataclass(frozen=True, slots=True)
    class Posting:
        account: str
        amount: decimal.Decimal
        memo: str = ""
        @property
        def side(self) -> str:
            return "debit"
        def __len__(self) -> int:
            return 1
        def helper(self) -> None:
            pass

    class Ledger:
        def __init__(self, entries: "Iterable[Entry]" = (), *, name: str = "ledger") -> None:
            self._name = name
        def __or__(self, other: Ledger) -> Ledger:
            return self
        @classmethod
        def read(cls, path: Path | str) -> "Ledger":
            return cls()
        @property
        def name(self) -> str:
            return self._name

    async def fetch(url: str, *, timeout: float = 3.0) -> bytes | None:
        return None

    def _private() -> None: ...
    '''
)


def test_code_that_has_what_is_planned_has_no_difference() -> None:
    assert differences(LEDGER, CODE) == []
    assert differences(normalised(LEDGER), CODE) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("LedgerError(ValueError)", "LedgerError(Exception)"), "derived from Exception, planned is ValueError"),
        (('ERROR = "error"', 'ERROR = "err"'), "has ERROR = 'err', planned is 'error'"),
        (("memo: str = \"\"", "memo: str"), "has Posting(account: str, amount: Decimal, memo: str), planned is"),
        (("def side(self)", "def sides(self)"), "lacks Posting.property side -> str"),
        (("    @property\n    def name", "    def name"), "has Ledger.def name(self) -> str, planned is property name"),
        (("def __or__(self, other", "def __or__(self, another"), "has Ledger.def __or__"),
        (("@classmethod", "@staticmethod"), "planned is classmethod def read"),
        (("async def fetch", "def fetch"), "planned is async def fetch"),
        (("timeout: float", "seconds: float"), "has async def fetch"),
        (('name: str = "ledger"', 'name: str = "x"'), "has Ledger(entries"),
        (("def _private", "def public"), "has public, which is not planned"),
        (("SEVERITIES = ", "SEVERITY = "), "lacks the constant SEVERITIES"),
    ],
)  # fmt: skip
def test_every_kind_of_difference_is_named(change: tuple[str, str], said: str) -> None:
    changed = CODE.replace(*change, 1)
    assert changed != CODE
    assert any(said in item for item in differences(LEDGER, changed)), differences(LEDGER, changed)


def test_what_a_stub_leaves_open_is_open() -> None:
    code = "def f(a: int, *rest: str, b: float = 2.0) -> list[int]: ...\nclass A:\n"
    code += "    @property\n    def p(self) -> int: ...\n"
    assert (
        differences("def f(a, *rest, b=...): ...\nclass A:\n    @property\n    def p(self): ...\n", code)
        == []
    )
    assert differences("def f(a, *rest, c=...): ...\nclass A: ...\n", code) != []
    assert differences("def f(a, *rest, b=3.0): ...\nclass A: ...\n", code) != []
    assert differences("def f(a: str, *rest, b=2.0): ...\nclass A: ...\n", code) != []


def test_a_package_passes_names_on() -> None:
    planned = 'from shop.model import Book\n__all__ = ["Book", "__version__"]\n__version__: str\n'
    good = 'from shop.model import Book as Book\n\n__version__ = "1"\n__all__ = ["__version__", "Book"]\n'
    assert differences(planned, good, passes_on=True) == []
    assert differences(planned, '__version__ = "1"\n__all__ = ["Book"]\n', passes_on=True) == [
        "does not pass on Book",
        "lists Book in __all__, planned is Book, __version__",
    ]


def test_what_a_stub_cannot_have_is_refused_and_bodies_are_left_out() -> None:
    assert normalised("def f(): return 1\n") == "def f():\n    ...\n"
    assert "self.x" not in normalised("class A:\n    def __init__(self):\n        self.x = 1\n    print(1)\n")
    for stub, said in (
        ("for x in y: pass", "for x in y"),
        ("def f(", "no Python"),
        ("def f(): ...\ndef f(): ...", "f twice"),
    ):
        with pytest.raises(ValueError, match=said):
            normalised(stub)
    assert is_empty('"""Only words."""\nimport os\n') and not is_empty("X: int\n")


def test_overloads_protocols_enums_and_aliases() -> None:
    stub = dedent(
        """
        class Colour(Enum):
            RED = 1
        class Reads(Protocol):
            def read(self) -> str: ...
        Names = list[str]
        @overload
        def get(key: str) -> str: ...
        @overload
        def get(key: int) -> int: ...
        """
    )
    code = stub + "def get(key):\n    return key\n"
    assert differences(normalised(stub), code) == []
    assert differences(stub, code.replace("RED", "BLUE")) == ["lacks the attribute Colour.RED"]
    derived = code.replace("(Enum)", "(Base)").replace("RED", "BLUE")
    assert differences(stub.replace("(Enum)", "(Base)"), derived) == []  # the base may have it
    assert differences(stub, code.replace("key: int) -> int", "key: int) -> str"))


NAMES = st.sampled_from(["a", "b", "total", "Thing", "_x", "__len__"])
TYPES = st.sampled_from(
    ["int", "str | None", "'Thing'", "Optional[list[int]]", "dict[str, tuple[int, ...]]", "Literal['x']"]
)
DEFAULTS = st.sampled_from(["", " = 1", " = None", " = ...", " = 'é\\\\n'", " = -1.5"])


@st.composite
def functions(draw: st.DrawFn, indent: str = "", first: str = "") -> str:
    names = draw(st.lists(NAMES.filter(str.isidentifier), unique=True, max_size=3))
    given_ = [f"{name}: {draw(TYPES)}" for name in names]
    optional = [f"{name}_{n}: {draw(TYPES)}{draw(DEFAULTS) or ' = 0'}" for n, name in enumerate(names)]
    word = draw(st.sampled_from(["def", "async def"]))
    listed = ", ".join([*([first] if first else []), *given_, *optional])
    return f"{indent}{word} {draw(NAMES)}({listed}) -> {draw(TYPES)}: ...\n"


@st.composite
def stubs(draw: st.DrawFn) -> str:
    parts = {}
    for name in draw(st.lists(st.sampled_from("ABCDE"), unique=True, max_size=4)):
        members = "".join(draw(st.lists(functions("    ", "self"), max_size=3)))
        base = draw(st.sampled_from(["", "(ValueError)", "(Protocol)"]))
        decorator = draw(st.sampled_from(["", "@dataclass(frozen=True)\n"]))
        fields = "".join(f"    f{n}: {draw(TYPES)}\n" for n in range(draw(st.integers(0, 2))))
        parts[name] = f"{decorator}class {name}{base}:\n{fields}{members or '    ...'}\n"
    return "".join(parts.values()) + draw(functions())


@given(stubs())
def test_any_stub_agrees_with_itself_in_one_form(stub: str) -> None:
    form = normalised(stub)
    assert normalised(form) == form
    assert differences(form, stub) == differences(stub, form) == []
    assert read_interface(form) == read_interface(stub)
    ast.parse(form)


def test_what_cannot_be_compared_is_a_difference() -> None:
    assert conformance("def f() -> tuple[()]: ...\n", "def f() -> tuple[()]: ...\n") == []
    over = "@overload\ndef f(a: int) -> int: ...\n@overload\ndef f(a: str) -> str: ...\ndef f(a): return a\n"
    assert conformance("def f(a): ...\n", over)
    typed = "class A:\n    @property\n    def x(self) -> Annotated[int, Field(gt=0)]: ...\n"
    assert conformance(typed, typed) == [] and conformance(typed, typed.replace("gt=0", "gt=1"))
    assert conformance("X = {[1]: 2}\n", "X = {[1]: 2}\n") in (
        [],
        conformance("X = {[1]: 2}\n", "X = {[1]: 2}\n"),
    )
    assert conformance("class C: ...\n", "from collections import Counter as C\n") == ["lacks class C"]
    assert conformance("def f(): ...\n", "if False:\n    def f(): ...\n") == ["lacks def f()"]
    assert "cannot be compared" in conformance("def f(): ...\n", "def f(")[0]


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        ("def f(a, b): ...", "def f(a, b=1): pass"),
        ("def f(a, b, *, c): ...", "def f(a, b=1, *, c=2): pass"),
        ("def f(a, b=2): ...", "def f(a=1, b=2): pass"),
        ("@dataclass\nclass A:\n    x: int\n    y: int", "@dataclass\nclass A:\n    x: int\n    y: int = 0"),
        ("@dataclass\nclass A:\n    x: int\n    def __eq__(self, other): ...\n    def __repr__(self): ...",
         "@dataclass\nclass A:\n    x: int"),
        ("@dataclass(frozen=True)\nclass A:\n    x: int\n    def __hash__(self): ...",
         "@dataclass(frozen=True)\nclass A:\n    x: int"),
        ("@dataclass(order=True)\nclass A:\n    x: int\n    def __lt__(self, other): ...",
         "@dataclass(order=True)\nclass A:\n    x: int"),
    ],
)  # fmt: skip
def test_what_callers_do_not_notice_is_no_difference(planned: str, code: str) -> None:
    assert differences(planned, code) == []


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        ("def f(a, b=2): ...", "def f(a, b): pass"),
        ("def f(a, b=2): ...", "def f(a=1, b=3): pass"),
        ("def f(a): ...", "def f(a, b=1): pass"),
        ("def f(*, a=1): ...", "def f(*, a): pass"),
        ("@dataclass\nclass A:\n    x: int\n    def __hash__(self): ...", "@dataclass\nclass A:\n    x: int"),
        ("@dataclass(eq=False)\nclass A:\n    x: int\n    def __eq__(self, other): ...",
         "@dataclass(eq=False)\nclass A:\n    x: int"),
        ("@dataclass\nclass A:\n    x: int\n    def __lt__(self, other): ...", "@dataclass\nclass A:\n    x: int"),
    ],
)  # fmt: skip
def test_what_callers_notice_is_one(planned: str, code: str) -> None:
    assert differences(planned, code)
