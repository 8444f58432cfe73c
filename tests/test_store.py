"""Files that survive a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap import store
from asap.errors import UserError


def test_ids_depend_on_content_alone() -> None:
    assert store.content_id({"a": 1, "b": 2}) == store.content_id({"b": 2, "a": 1})
    assert store.content_id("a", "b") != store.content_id("ab")
    assert len(store.content_id("x")) == 16
    assert 0 <= store.seed_of("x") < 2**63


def test_a_large_file_is_known_by_its_length_and_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WHOLE", 1 << 20)
    data = bytearray(40 << 20)
    seen = set()
    for position in (None, 0, len(data) - 1):
        if position is not None:
            data[position] += 1
        (tmp_path / "large").write_bytes(data)
        seen.add(store.sampled_id(tmp_path / "large"))
    (tmp_path / "large").write_bytes(data + b"x")
    assert len(seen | {store.sampled_id(tmp_path / "large")}) == 4


def test_rows_come_back_and_a_half_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    store.append_rows(path, [{"n": 1}, {"n": 2}])
    with path.open("a") as file:
        file.write('{"n": 3, "half')
    assert [row["n"] for row in store.read_rows(path)] == [1, 2]
    store.append_rows(path, [{"n": 4}])
    assert [row["n"] for row in store.read_rows(path)] == [1, 2, 4]


def test_a_half_first_line_is_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 3, "half' + "x" * 100_000)
    store.append_rows(path, [{"n": 4}])
    assert [row["n"] for row in store.read_rows(path)] == [4]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n": 1}\nnonsense\n')
    with pytest.raises(UserError, match=r"rows\.jsonl line 2: not JSON"):
        list(store.read_rows(path))
    path.write_text("[1]\n")
    with pytest.raises(UserError, match="line 1: expected a JSON object"):
        list(store.read_rows(path))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    store.write_atomic(path, "old")

    def fail(_handle: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        store.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_run_folder_is_resumed_only_with_the_same_settings(tmp_path: Path) -> None:
    store.open_run(tmp_path / "run", "train", {"tau": 0.1, "data": Path("x")})
    store.open_run(tmp_path / "run", "train", {"tau": 0.1, "data": Path("x")})
    with pytest.raises(UserError, match=r"tau was 0\.1, now 0\.2"):
        store.open_run(tmp_path / "run", "train", {"tau": 0.2, "data": Path("x")})
    with pytest.raises(UserError, match="holds a run of `asap train`"):
        store.open_run(tmp_path / "run", "build", {})


def test_changed_ids_are_told_in_words(tmp_path: Path) -> None:
    data, weights = store.content_id("data"), [store.content_id("weights")]
    made = {"data": data, "lora": None, "weights": weights, "judge": {"name": "vlm", "at": "a" * 99}}
    store.open_run(tmp_path, "train", made)
    for changed, told in (
        ({"data": store.content_id("other")}, "(with other data)"),
        ({"lora": data, "weights": []}, "(without lora; with weights)"),
        ({"judge": {"name": "vlm", "at": "b"}}, f"(judge.at was '{'a' * 59}..., now 'b')"),
    ):
        with pytest.raises(UserError) as raised:
            store.open_run(tmp_path, "train", {**made, **changed})
        assert f"{tmp_path} was made with other settings {told}; use the same again" in str(raised.value)


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        store.open_run(tmp_path / "file", "train", {})
    with pytest.raises(UserError, match=r"no config\.json"):
        store.read_config(tmp_path)
    for name in ("missing", "file"):
        with pytest.raises(UserError, match=f"{name}: no such folder"):
            store.read_config(tmp_path / name)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        store.read_config(tmp_path)


def test_commands_come_after_those_that_made_what_they_read(tmp_path: Path) -> None:
    assert store.commands_of(tmp_path) == []
    store.open_run(tmp_path / "data", "figures", {}, {"command": "asap figures"})
    before = {"before": store.commands_of(tmp_path / "data")}
    store.open_run(tmp_path / "run", "train", {}, {"command": "asap train", **before})
    assert store.commands_of(tmp_path / "run") == ["asap figures", "asap train"]


def test_a_folder_with_files_of_others_is_left_alone(tmp_path: Path) -> None:
    store.open_run(tmp_path / "new", "figures", {})
    mine = tmp_path / "mine"
    (mine / "data").mkdir(parents=True)
    (mine / ".lock").touch()
    with pytest.raises(UserError, match=r"holds other files \('data'\); give --out a new"):
        store.open_run(mine, "figures", {})
    assert sorted(path.name for path in mine.iterdir()) == [".lock", "data"]
    (mine / "data").rmdir()
    store.open_run(mine, "figures", {})  # what is hidden does not count
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not of asap"):
        store.open_run(tmp_path, "figures", {})
