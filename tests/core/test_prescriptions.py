"""What is prescribed: only what the brief has, and nothing that contradicts itself."""

from hishamos_pipeline.core.artifacts.idea import Section
from hishamos_pipeline.core.artifacts.prescriptions import (
    Example,
    ExampleStep,
    PrescribedName,
    Prescriptions,
    conflicts,
    defined_names,
    not_in_brief,
)

TEXT = """## 6. Example

```text
shop/
├── store.py
```

`read(path)` gives them, `__title__` its name. `python shop.py list` prints

    1  apple
    2  pear
"""
SECTIONS = (Section(id="6", title="6. Example", level=2, text=TEXT),)


def listing(stdout: str, title: str = "list") -> Example:
    return Example(title=title, steps=(ExampleStep(command=("python", "shop.py", "list"), stdout=stdout),))


def test_what_the_brief_does_not_have_is_named() -> None:
    good = Prescriptions(
        paths=("shop/store.py",),
        names=(
            PrescribedName(module="shop.store", stub="def read(path): ..."),
            PrescribedName(module="shop", stub="__title__ = 'shop'"),
        ),
        examples=(listing("1  apple\n2  pear\n"),),
    )
    assert not_in_brief(good, SECTIONS) == []
    bad = Prescriptions(
        paths=("shop/model.py",),
        names=(PrescribedName(module="shop.store", stub="def write(path): ..."),),
        examples=(listing("1  apple\n3  plum\n"),),
    )
    assert not_in_brief(bad, SECTIONS) == [
        "the path shop/model.py",
        "the name write",
        "the line '3  plum' of the example 'list'",
    ]


def test_contradictions_are_named() -> None:
    both = Prescriptions(
        paths=("shop", "shop/store.py"),
        names=(
            PrescribedName(module="shop", stub="def read(path): ..."),
            PrescribedName(module="shop", stub="def read(path, limit): ..."),
        ),
        examples=(listing("a"), listing("b", "list again"), listing("a", "the same")),
    )
    first, second, third = conflicts(both)
    assert "the name shop.read is prescribed in 2 ways" in first
    assert "shop is prescribed as a file" in second
    assert "'list again' do the same and expect different answers" in third
    assert (
        conflicts(
            both.model_copy(update={"paths": (), "names": (), "examples": (listing("a"), listing("a", "b"))})
        )
        == []
    )


def test_names_are_read_off_stubs() -> None:
    stub = "@dataclass\nclass Book:\n    title: str\nLIMIT = 20\nNAME: str\nasync def read(x=1): ...\n"
    assert defined_names(stub) == ("Book", "LIMIT", "NAME", "read")
