"""Prompt files, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap.bench import prompts
from asap.errors import UserError
from asap.records import Prompt


def write(tmp_path: Path, text: str | bytes, name: str = "prompts.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_json_lines_give_every_field(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "a", "text": "a fist", "category": "basic", "facts": {"fingers": 0}}\n')
    assert prompts.read(path) == [Prompt("a", "a fist", "basic", {"fingers": 0})]


def test_the_key_prompt_works_and_a_whole_number_is_an_id(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": 7, "prompt": "a fist", "other": 1}\n')
    assert prompts.read(path) == [Prompt("7", "a fist")]


def test_json_lines_are_known_by_how_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "prompts"
    path.write_text('\n {"id": "a", "text": "a waving hand"}\n', encoding="utf-8")
    assert [(prompt.id, prompt.text) for prompt in prompts.read(path)] == [("a", "a waving hand")]


def test_plain_text_has_a_prompt_per_line(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffa waving hand\r\n\r\n  eine Hand, fünf Finger \n", "prompts.txt")
    found = prompts.read(path)
    assert [p.text for p in found] == ["a waving hand", "eine Hand, fünf Finger"]
    assert len({p.id for p in found}) == 2


def test_a_derived_id_depends_on_the_text_alone(tmp_path: Path) -> None:
    plain = write(tmp_path, "x\na fist\n", "prompts.txt")
    rows = write(tmp_path, '{"text": "a fist"}\n')
    assert prompts.read(plain)[1].id == prompts.read(rows)[0].id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no prompts"),
        ("\n\n", "holds no prompts"),
        ('{"text": "a"}\n{"text": "b"\n', "line 2: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        ('["a"]\n', "line 1: expected an object"),
        ('{"id": "a", "promt": "b"}\n', 'line 1: no "text" (or "prompt") in it, only id, promt; write'),
        ("{}\n", 'line 1: no "text" (or "prompt") in it; write'),
        ('{"text": null, "prompt": 5}\n', 'line 1: "prompt" should be a text'),
        ('{"text": "  "}\n', 'line 1: "text" should be a text'),
        ('{"text": 5}\n', 'line 1: "text" should be a text'),
        ('{"text": "a", "id": "../x"}\n', "cannot name a file"),
        ('{"text": "a", "id": ""}\n', 'line 1: "id" should be a text'),
        ('{"text": "a", "category": 3}\n', 'line 1: "category" should be a text'),
        ('{"text": "a", "facts": [3]}\n', '"facts" should be an object'),
        (
            '{"text": "a", "id": "x"}\n\n{"text": "b", "id": "X"}\n',
            "line 3: another prompt with the id of line",
        ),
        ('{"text": "a"}\n{"text": "a", "category": "b"}\n', "line 2: another prompt with the id of line 1"),
        ('{"text": 1}\n{"text": "a"}\n[]\n', 'line 1: "text" should be a text that is not empty | line 3: e'),
        ("[]\n" * 9, 'line 5: expected an object such as {"text": "a waving hand"} | and 4 lines more'),
        (b'{"text": "a"}\n{"text": "\xff"}\n', "line 2: not UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as raised:
        prompts.read(path)
    assert message in str(raised.value) and str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_prompt_given_twice_is_drawn_once_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "a fist\na palm\na fist\n\na fist\n", "prompts.txt")
    assert [p.text for p in prompts.read(path)] == ["a fist", "a palm"]
    assert "2 prompts given twice are drawn once (lines 3, 5)" in capsys.readouterr().err


def test_genevals_metadata_are_prompts_with_their_tags(tmp_path: Path) -> None:
    row = (
        '{"tag": "counting", "include": [{"class": "clock", "count": 2}], "prompt": "a photo of two clocks"}'
    )
    (found,) = prompts.read(write(tmp_path, row + "\n", "evaluation_metadata.jsonl"))
    assert (found.text, found.category, found.facts) == ("a photo of two clocks", "counting", {})


def test_a_folder_of_texts_has_their_names_as_categories(tmp_path: Path) -> None:
    write(tmp_path, "a green bench and a blue bowl\na red cup\n", "color_val.txt")
    write(tmp_path, "a red cup\n", "complex_val.txt")
    found = prompts.read(tmp_path)
    assert [p.category for p in found] == ["color_val", "color_val", "complex_val"]
    assert found[1].text == found[2].text and len({p.id for p in found}) == 3


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot read the prompts"):
        prompts.read(tmp_path / name)
