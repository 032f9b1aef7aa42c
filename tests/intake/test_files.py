"""Files that are handed in with a brief."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from hishamos_pipeline.errors import IdeaError
from hishamos_pipeline.intake.files import accept, read_paths, unzipped
from hishamos_pipeline.settings import Settings


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_file_a_folder_and_a_zip(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.csv").write_bytes(b"x;y\r\n1;2\r\n")
    (tmp_path / "data" / ".hidden").write_text("no")
    (tmp_path / "data" / "link").symlink_to("/etc/passwd")
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "more.zip").write_bytes(
        packed({"more/": b"", "more/b.txt": b"b", "__MACOSX/more/._b.txt": b"x"})
    )
    raw = read_paths([tmp_path / "data", tmp_path / "one.txt", tmp_path / "more.zip"], settings)
    assert raw == {"deep/a.csv": b"x;y\r\n1;2\r\n", "one.txt": b"one", "more/b.txt": b"b"}
    handed = accept(raw, settings)
    assert [file.path for file in handed.files] == ["deep/a.csv", "more/b.txt", "one.txt"]
    assert {text.encode() for text in handed.texts.values()} == set(raw.values())


def test_every_problem_is_named_at_once(settings: Settings) -> None:
    raw = {"../up": b"", "a.bin": b"\0", "b.txt": b"\xff", "C.txt": b"", "c.txt": b"", "ok.txt": b"ok"}
    with pytest.raises(IdeaError) as caught:
        accept(raw, settings)
    for said in (
        "'../up'",
        "a.bin is binary",
        "b.txt is no text in UTF-8",
        "differs from another file only in case",
    ):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_handed_files": 2}, "more than 2 of them (HISHAMOS_MAX_HANDED_FILES)"),
        ({"max_handed_file_bytes": 9}, "larger than 9 bytes (HISHAMOS_MAX_HANDED_FILE_BYTES)"),
        ({"max_handed_bytes": 25}, "pass 25 bytes (HISHAMOS_MAX_HANDED_BYTES)"),
    ],
)
def test_limits_say_their_names(tmp_path: Path, settings: Settings, limit: dict[str, int], said: str) -> None:
    small = settings.model_copy(update=limit)
    for name in "abc":
        (tmp_path / name).write_text("0123456789")
    with pytest.raises(IdeaError) as caught:
        read_paths([tmp_path], small)
    assert said in str(caught.value)


def test_a_zip_bomb_is_not_unpacked_beyond_the_limit(settings: Settings) -> None:
    bomb = packed({"bomb.txt": b"0" * 50_000_000})
    assert len(bomb) < 100_000
    with pytest.raises(IdeaError, match="HISHAMOS_MAX_HANDED_FILE_BYTES"):
        unzipped("bomb.zip", bomb, settings)


def test_what_a_zip_claims_to_be_is_only_text(settings: Settings) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../../out.txt", "x")
    with pytest.raises(IdeaError, match=r"out\.txt"):
        accept(unzipped("x.zip", stream.getvalue(), settings), settings)
    with pytest.raises(IdeaError, match="is no ZIP"):
        unzipped("x.zip", b"PK no", settings)


def test_engines_see_small_files_whole_and_large_ones_by_shape_and_head(settings: Settings) -> None:
    table = "id\tname\tcode\n" + "".join(f"{n}\tname {n}\tC{n}\n" for n in range(5000))
    handed = accept(
        {
            "small.txt": b"all of it",
            "big.tsv": table.encode(),
            "none": b"",
            "big.json": b'{"a": [' + b"1," * 9000 + b"1]}",
        },
        settings,
    )
    shown = {file.path: file.shown for file in handed.files}
    assert shown["small.txt"] == "all of it" and shown["none"] == "[the file is empty]"
    assert "5,001 lines, 3 columns parted by '\\t'; its first 10 lines:]\nid\tname\tcode" in shown["big.tsv"]
    assert "[and from line 2501 on:]\n2499\tname 2499" in shown["big.tsv"]
    assert "an object with the keys a" in shown["big.json"] and len(shown["big.json"]) < 1000


@pytest.mark.parametrize("spoil", ["method", "content", "name"])
def test_a_zip_that_the_library_stumbles_over_is_refused(settings: Settings, spoil: str) -> None:
    raw = bytearray(packed({"a.txt": b"hello" * 500}))
    if spoil == "method":
        for mark, at in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
            raw[raw.index(mark) + at] = 93
    elif spoil == "content":
        raw[40:60] = b"\xff" * 20
    else:
        for mark, at, flags in ((b"PK\x01\x02", 46, 8), (b"PK\x03\x04", 30, 6)):
            place = raw.index(mark)
            raw[place + at] = 0xFF
            raw[place + flags + 1] |= 0x08  # the name is said to be UTF-8
    with pytest.raises(IdeaError, match="is no ZIP that can be read"):
        unzipped("a.zip", bytes(raw), settings)


def test_what_engines_see_holds_nothing_that_no_document_may_hold(settings: Settings) -> None:
    keys = '{"\\ud800": 1, "' + "k" * 100_000 + '": 2, "x": "' + "y" * 9000 + '"}'
    (file,) = accept({"a.json": keys.encode()}, settings).files
    file.shown.encode()
    assert len(file.shown) < 5_000
