"""Folders of images, made here or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap.bench import samples
from asap.errors import UserError
from asap.records import Sample
from asap.store import append_rows


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    written = [Sample("a-0", "images/a-0.png", "a fist", "a", "basic", 2**32 - 1, {"fingers": 0})]
    append_rows(tmp_path / "metadata.jsonl", written)
    assert samples.read(tmp_path) == written


def test_a_folder_from_elsewhere_needs_file_names_only(tmp_path: Path) -> None:
    append_rows(tmp_path / "metadata.jsonl", [{"file_name": "sub/x.jpg", "prompt": "a fist"}])
    assert samples.read(tmp_path) == [Sample("sub/x", "sub/x.jpg", "a fist", "sub/x", "all", 0)]


def test_images_of_a_prompt_without_seeds_are_numbered(tmp_path: Path) -> None:
    rows = [{"file_name": f"{i}.png", "prompt_id": p} for i, p in enumerate("abaab")]
    append_rows(tmp_path / "metadata.jsonl", rows)
    assert [(s.prompt_id, s.seed) for s in samples.read(tmp_path)] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "lists no images"),
        ([{"text": "a"}], 'line 1: "file_name" should name an image'),
        ([{"file_name": "../x.png"}], "outside the folder"),
        ([{"file_name": "/x.png"}], "outside the folder"),
        ([{"file_name": "x.png", "seed": "one"}], '"seed" should be a whole number'),
        ([{"file_name": "x.png"}, {"file_name": "x.png"}], "line 2: the id 'x' appears twice"),
        (
            [{"file_name": f"{i}.png", "prompt_id": "p", "seed": 7} for i in range(2)],
            "line 2: the prompt 'p' has an image with seed 7 already",
        ),
    ],
)
def test_a_bad_row_is_told(tmp_path: Path, rows: list[dict[str, object]], message: str) -> None:
    append_rows(tmp_path / "metadata.jsonl", rows)
    with pytest.raises(UserError, match=message):
        samples.read(tmp_path)


def test_no_metadata_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no metadata\.jsonl there"):
        samples.read(tmp_path)


def test_a_missing_folder_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such folder"):
        samples.read(tmp_path / "nowhere")
