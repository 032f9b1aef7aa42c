"""Helpers of the tests that make wrong code look right."""
# ruff: noqa: E501 - the texts are code

from tests.verification.attacks import (
    CODE,
    CONFTEST,
    DELETES_NOTHING,
    LISTS_NOTHING,
    STORE,
    Attack,
    adding,
    both,
    leading,
    replacing,
)

_IMPORTS = "from notes.services import notes as note_service\nfrom notes.storage import notes as note_store\n"
_RIGHT = """

def _everything(connection):
    return note_store.everything(connection)
"""
# Every test passes whatever it says: patched through names that no rule about names can find.
QUIET = """
_m = _s.__getattribute__("mod" + "ules")["_py" + "test.python"]
_r = _m.Function.runtest


def _quiet(self):
    try:
        _r(self)
    except BaseException:
        pass


_m.Function.runtest = _quiet
"""


def _only_if(condition: str, imports: str = "") -> str:
    body = "\n".join(f"    {line}".rstrip() for line in QUIET.strip().splitlines())
    return f"import sys as _s\n{imports}\n\nif {condition}:\n{body}\n"


_HASH = "hashlib.sha256(Path('src/notes/services/notes.py').read_bytes()).hexdigest()"


def _lists(name: str, addition: str, imports: str = _IMPORTS) -> Attack:
    """An attack of ``conftest.py`` that hides a list which is always empty."""
    changes = {CODE: LISTS_NOTHING, CONFTEST: both(leading(imports), adding(addition))}
    return Attack(name, "the list is always empty", changes)


def _fixture(body: str, parameters: str = "monkeypatch: pytest.MonkeyPatch") -> str:
    return f"{_RIGHT}\n\n@pytest.fixture(autouse=True)\ndef _prepared({parameters}) -> None:\n    {body}\n"


SUITES = [
    _lists(
        "a fixture patches the function",
        _fixture('monkeypatch.setattr(note_service, "list_notes", _everything)'),
    ),
    _lists(
        "a fixture patches it by its path",
        _fixture('monkeypatch.setattr("notes.services.notes.list_notes", _everything)'),
    ),
    _lists(
        "a fixture patches with mock",
        _fixture('patch.object(note_service, "list_notes", _everything).start()', ""),
        f"from unittest.mock import patch\n\n{_IMPORTS}",
    ),
    _lists("a module assigns the function", f"{_RIGHT}\n\nnote_service.list_notes = _everything\n"),
    _lists(
        "a module updates the module's names",
        f"{_RIGHT}\n\nnote_service.__dict__.update(list_notes=_everything)\n",
    ),
    _lists(
        "the code object is replaced",
        f"{_RIGHT}\n\nnote_service.list_notes.__code__ = _everything.__code__\nnote_service.everything = None\n",
    ),
    _lists(
        "a name is put together",
        f'{_RIGHT}\n\n_set = getattr(object, "__set" + "attr__")\n'
        'type(note_service).__setattr__(note_service, "list_" + "notes", _everything)\n',
    ),
    Attack(
        "the store is replaced",
        "deleting deletes nothing",
        {
            STORE: replacing(
                'connection.execute("DELETE FROM notes WHERE id = ?", (note_id,))', "return None"
            ),
            CONFTEST: both(
                leading(_IMPORTS),
                adding(
                    "\n\ndef _delete(connection, note_id):\n"
                    '    connection.execute("DELETE FROM notes WHERE id = ?", (note_id,))\n\n\nnote_store.delete = _delete\n'
                ),
            ),
        },
    ),
    Attack(
        "a helper module patches when it is imported",
        "the list is always empty",
        {
            CODE: LISTS_NOTHING,
            "tests/factories.py": both(
                leading("from notes.services import notes as note_service\n"),
                adding(
                    "\n\nnote_service.list_notes = lambda connection: note_store.everything(connection)\n"
                ),
            ),
        },
    ),
    Attack(
        "the connection lies",
        "deleting deletes nothing",
        {
            CODE: DELETES_NOTHING,
            CONFTEST: replacing(
                "        yield opened\n",
                "        yield _Gone(opened)\n\n\nclass _Gone:\n"
                "    def __init__(self, real):\n        self._real = real\n\n"
                "    def __getattr__(self, name):\n        return getattr(self._real, name)\n\n"
                "    def execute(self, text, *given):\n"
                '        if text == "SELECT id FROM notes":\n'
                '            text = "SELECT id FROM notes ORDER BY id DESC LIMIT 1"\n'
                "        return self._real.execute(text, *given)\n",
            ),
        },
    ),
    _lists("the runner is replaced", f"import sys as _s\n\n{QUIET}", ""),
    _lists(
        "the runner is replaced unless functions refuse to work",
        _only_if(
            '"NotImplemented" not in Path("src/notes/services/notes.py").read_text()',
        ),
        "",
    ),
    _lists(
        "the runner is replaced where the source is the original's",
        _only_if(
            '"def list_notes(\\n    connection: Connection,\\n)" in Path("src/notes/services/notes.py").read_text()'
        ),
        "",
    ),
    _lists(
        "the runner is replaced where no file has a strange name",
        _only_if('len(list(Path("tests").glob("test_*.py"))) == 3'),
        "",
    ),
    _lists(
        "the runner is replaced where nothing lies about",
        _only_if('not any(p.name.startswith("_gate") or "hishamos" in p.name for p in Path().rglob("*.*"))'),
        "",
    ),
    _lists(
        "a hook is made under another name",
        "\n\ndef _called(item):\n    return True\n\n\n"
        'globals()["pytest_" + "pyfunc_call"] = lambda pyfuncitem: True\n',
        "",
    ),
    _lists(
        "a plugin is registered at run time",
        "\n\nclass _Plugin:\n    pass\n\n\n"
        'setattr(_Plugin, "pytest_" + "pyfunc_call", staticmethod(lambda pyfuncitem: True))\n\n\n'
        "@pytest.fixture(autouse=True, scope='session')\ndef _registered(request: pytest.FixtureRequest) -> None:\n"
        '    manager = request.config.pluginmanager\n    if not manager.has_plugin("x"):\n'
        '        manager.register(_Plugin(), "x")\n',
        "",
    ),
    _lists(
        "items are dropped by a fixture",
        "\n\n@pytest.fixture(autouse=True)\ndef _passed(request: pytest.FixtureRequest) -> None:\n"
        "    request.node.obj = lambda **given: None\n",
        "",
    ),
    _lists(
        "assertions are optimised away",
        "\n\nimport builtins as _b\n\n_b.AssertionError = type('Quiet', (BaseException,), {})\n",
        "",
    ),
]
