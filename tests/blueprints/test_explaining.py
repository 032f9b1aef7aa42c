"""What the engine without a key says of each statement."""

import pytest

from hishamos_pipeline.blueprints.planning.explaining import explain
from hishamos_pipeline.intake.brief import read_brief
from hishamos_pipeline.intake.languages import foreign_language

TEXT = """# Seeds

Swap seeds. Gardeners love it.

## Users

- Gardener

## Features

- FR-1: Gardeners can add a packet with a name
  - Priority: P1
  - The name is required
  - A message confirms it
- Gardeners can draw a map

## Entities

- Packet: name, year (1900-2100)

## Rules

- All data is kept between sessions
- It is fast

```
x
```

## Later

- Gardeners can list packets
"""


def test_nothing_is_dropped_in_silence() -> None:
    found = explain(read_brief(TEXT.encode(), "seeds.md"))
    assert [(item.line, item.read_as) for item in found] == [
        (3, "background"), (7, "person"), (11, "story"), (12, "fact"), (13, "rule"), (14, "unchecked"),
        (15, "not understood"), (19, "entity"), (23, "story"), (24, "unchecked"), (26, "material"),
        (32, "not asked for"),
    ]  # fmt: skip
    details = {item.line: item.detail for item in found}
    told = "When a packet is added, it is kept under a number of its own."
    assert details[11] == f"US-001 The gardeners can add a packet with a name. {told}"
    assert details[15] == "needs a language model: no rule for 'draw a map'"
    assert details[19] == "packet: name (text, required), year (integer, >= 1900, <= 2100)"


def test_sentences_of_prose_are_statements() -> None:
    found = explain(
        read_brief(b"# Seeds\n\nSwap seeds. Gardeners can add a packet with a name.\n", "seeds.md")
    )
    assert [(item.line, item.read_as, item.text) for item in found] == [
        (3, "story", "Gardeners can add a packet with a name")
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Gardeners can add a packet with a name. They list packets.", ""),
        ("Users add notes", ""),
        ("Gärtner können ein Päckchen mit einem Namen anlegen und die Liste sehen", "German"),
        ("Les jardiniers peuvent ajouter un paquet avec un nom et voir la liste", "French"),
        ("Los jardineros pueden añadir un paquete con un nombre y ver la lista", "Spanish"),
        ("Os jardineiros podem adicionar um pacote com um nome e ver a lista", "Portuguese"),
        ("I giardinieri possono aggiungere un pacchetto con un nome e vedere gli altri", "Italian"),
        ("De tuiniers kunnen een pakje met een naam toevoegen en het bekijken", "Dutch"),
        ("Ogrodnicy mogą dodać paczkę z nazwą oraz zobaczyć listę, która nie jest pusta", "Polish"),
        ("Bahçıvanlar bir isim ile paket ekleyebilir ve listeyi görebilir", "Turkish"),
        ("Садовники могут добавить пакет", "Russian"),
        ("يمكن للمستخدم إضافة كتاب", "Arabic"),
        ("用户可以添加一本书", "Chinese"),
        ("ユーザーは本を追加できる", "Japanese"),
        ("사용자는 책을 추가할 수 있다", "Korean"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert foreign_language(text) == language
