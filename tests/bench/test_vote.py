"""Votes of a model on two models' images: both orders, ties, flips, what is no vote, going on."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asap import chat
from asap.bench import vote
from asap.bench.judges.settings import Asking
from asap.errors import UserError
from asap.records import Vote
from asap.store import append_rows, read_config, read_rows
from loopback import Body, Reply, Service, says, serving
from seeing import answering, folder_of_images


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "FIRST_WAIT", 0.01)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Folders `a` and `b` with images of the same five prompts; those of one prompt are the same file."""
    for name in ("a", "b"):
        folder_of_images(tmp_path / name, 5)
    for number in range(4):
        file = tmp_path / "b" / f"{number}.png"
        file.write_bytes(file.read_bytes() + b"b")  # another picture to a hash, the same to an eye
    return tmp_path


def config(two: Path, service: Service, **settings: Any) -> vote.Config:
    plain = {"endpoint": service.url, "model_name": "eye", "attempts": 1, "concurrency": 2}
    return vote.Config(two / "a", two / "b", two / "votes", Asking(**(plain | settings)))


def order(body: Body) -> str:
    """Which prompt's pair is shown, and the first one of which model: "2a"."""
    shown = [part["image_url"]["url"] for part in body["messages"][0]["content"][1:]]
    data = [base64.b64decode(url.partition(",")[2]) for url in shown]
    assert len(data) == 2
    prompt = PICTURES.index(data[0].removesuffix(b"b"))
    return f"{prompt}{'b' if data[0].endswith(b'b') else 'a'}"


PICTURES: list[bytes] = []
SAID = {
    "0a": "second",  # the second in both orders
    "0b": "first",
    "1a": "first",  # whatever comes first
    "1b": "first",
    "2a": "tie",
    "2b": "tie",
    "3a": "cannot tell",
    "3b": "cannot tell",
}


@pytest.fixture
def said(two: Path) -> dict[str, Any]:
    """What the model says of each pair in each order."""
    PICTURES[:] = [(two / "a" / f"{number}.png").read_bytes() for number in range(5)]
    return dict(SAID)


def behaviour(said: dict[str, Any]) -> Any:
    def change(body: Body, answer: dict[str, Any]) -> Reply | str | None:
        word = said[order(body)]
        answer["better"] = word
        return word if isinstance(word, Reply) or word.startswith("It") else None

    return answering(change)


def test_a_choice_counts_where_both_orders_agree(
    two: Path, said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(behaviour(said)) as service:
        command = [str(two / "a"), str(two / "b"), "--out", str(two / "votes"), "--endpoint", service.url]
        vote.main([*command, "--model-name", "eye"])
        assert len(service.requests) == 8  # of equal pictures nothing is asked
    found = {one.prompt_id: one for one in vote.read(two / "votes")}
    assert [found[f"p{n}"].choice for n in range(5)] == ["second", "tie", "tie", "unscored", "tie"]
    assert found["p1"].evidence == {"orders": ["first", "second"]} and found["p4"].evidence == {"equal": True}
    assert found["p3"].reason == "nothing to judge" and found["p0"].rater == "eye"
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == (
        f"votes: {two / 'votes'}; 5 pairs: 0 for the first, 1 for the second, 3 ties; "
        "RSI of the second 1.33; flip rate 25.0% (1 of 4); 1 unscored (nothing to judge)"
    )
    made = read_config(two / "votes")
    assert (made["stage"], made["first"], made["second"]) == ("vote", "../a", "../b")


def test_a_lost_order_is_no_vote_and_only_the_unreachable_is_asked_again(
    two: Path, said: dict[str, Any]
) -> None:
    said |= {"0b": Reply(500), "1a": says("I'm sorry, I can't."), "2b": 'It says {"better": "first"}'}
    said["2b"] += ' but {"better": "second"}'
    with serving(behaviour(said)) as service:
        vote.run(config(two, service))
        reasons = {one.prompt_id: one.reason for one in vote.read(two / "votes")}
        assert reasons == {
            "p0": "unreachable",
            "p1": "refused",
            "p2": "unreadable",
            "p3": "nothing to judge",
            "p4": "",
        }
        before = len(service.requests)
        said["0b"] = "first"
        vote.run(config(two, service))
        assert len(service.requests) == before + 1  # the order that was answered is known
        vote.run(config(two, service))
        assert len(service.requests) == before + 1
    assert {one.prompt_id: one.choice for one in vote.read(two / "votes")}["p0"] == "second"
    assert len(list(read_rows(two / "votes" / "votes.jsonl"))) == 6


def test_mistakes_are_told(two: Path) -> None:
    with serving(answering()) as service:
        good = config(two, service)
        with pytest.raises(UserError, match="needs --endpoint"):
            vote.run(replace(good, asking=Asking()))
        folder_of_images(two / "c", 1)
        (two / "c" / "metadata.jsonl").write_text('{"file_name": "0.png", "prompt_id": "other"}\n')
        with pytest.raises(UserError, match="have no prompt and seed in common"):
            vote.run(replace(good, second=two / "c"))
        assert not good.out.exists()
        vote.run(good)
        with pytest.raises(UserError, match=r"settings\.model_name was 'eye', now 'ear'"):
            vote.run(config(two, service, model_name="ear"))
    append_rows(good.out / "votes.jsonl", [Vote("s0", "s0", "p0", 0, "basic", "best")])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="row 6: unknown choice 'best'"):
        vote.read(good.out)
    (good.out / "votes.jsonl").write_text(json.dumps({"first": "s0"}) + "\n")
    with pytest.raises(UserError, match="row 1: not a vote"):
        vote.read(good.out)
