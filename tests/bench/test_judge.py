"""The judge stage: rows as they come, resuming, retries of what was unreachable, the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image as Pillow

from asap.bench import judge
from asap.bench.judges.settings import Options
from asap.errors import UserError
from asap.records import Judgement, Sample
from asap.store import append_rows, read_config, read_rows
from loopback import served


class Scripted:
    """A judge that says what `script` says of each sample, in calls that `asked` records; it may die."""

    name = "scripted"
    script: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[list[str]]] = []
    dies_after: ClassVar[int | None] = None
    version: ClassVar[int] = 1

    @property
    def settings(self) -> dict[str, object]:
        return {"version": self.version}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        self.asked.append([s.id for s in samples])
        for number, sample in enumerate(samples):
            if number == self.dies_after:
                raise KeyboardInterrupt
            assert (images / sample.file_name).is_file()
            word = self.script.get(sample.id, "correct")
            verdict: Any = word if word in ("correct", "error") else "unscored"
            reason = word if verdict == "unscored" else ""
            yield Judgement(
                sample.id,
                sample.prompt_id,
                sample.seed,
                sample.category,
                verdict,
                reason=reason,
                region=(0, 0, 1, 1),
                evidence={"message": f"{word} says {sample.id}"} if reason else {},
            )


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    monkeypatch.setitem(judge.JUDGES, "scripted", f"{__name__}:Scripted")
    for name, value in {"script": {}, "asked": [], "dies_after": None, "version": 1}.items():
        monkeypatch.setattr(Scripted, name, value)
    return Scripted


@pytest.fixture
def config(tmp_path: Path) -> judge.Config:
    images = tmp_path / "images"
    images.mkdir()
    Pillow.fromarray(np.zeros((4, 4, 3), np.uint8)).save(images / "x.png")
    rows = [Sample(f"s{i}", "x.png", "a fist", f"p{i}", "basic", i) for i in range(4)]
    append_rows(images / "metadata.jsonl", rows)
    return judge.Config(images, tmp_path / "out", "scripted")


def test_every_image_gets_a_row(config: judge.Config, scripted: type[Scripted]) -> None:
    scripted.script = {"s1": "error", "s2": "refused"}
    found = judge.read(judge.run(config))
    assert [found[f"s{i}"].verdict for i in range(4)] == ["correct", "error", "unscored", "correct"]
    assert found["s0"].region == (0, 0, 1, 1)


def test_config_says_where_the_images_are_and_how_to_repeat(config: judge.Config) -> None:
    written = read_config(judge.run(config))
    assert written["images"] == "../images"
    assert written["command"].startswith("asap judge ") and "--judge scripted" in written["command"]


def test_an_interruption_loses_nothing_and_repeats_nothing(
    config: judge.Config, scripted: type[Scripted]
) -> None:
    scripted.dies_after = 2
    with pytest.raises(KeyboardInterrupt):
        judge.run(config)
    with (config.out / "judgements.jsonl").open("a") as file:
        file.write('{"sample_id": "s2", "verd')  # what a kill leaves of a row
    scripted.dies_after = None
    judge.run(config)
    assert scripted.asked == [["s0", "s1", "s2", "s3"], ["s2", "s3"]]
    assert [row["sample_id"] for row in read_rows(config.out / "judgements.jsonl")] == [
        "s0",
        "s1",
        "s2",
        "s3",
    ]


def test_only_the_unreachable_are_asked_again(config: judge.Config, scripted: type[Scripted]) -> None:
    scripted.script = {"s0": "refused", "s1": "unreachable", "s2": "unreadable", "s3": "error"}
    judge.run(config)
    scripted.script = {}
    found = judge.read(judge.run(config))
    assert scripted.asked[1] == ["s1"]
    assert found["s1"].verdict == "correct" and found["s0"].reason == "refused" and len(found) == 4


def test_the_last_line_names_the_result_and_keeps_the_unscored_apart(
    config: judge.Config, scripted: type[Scripted], capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = {"s0": "refused", "s1": "unreachable", "s3": "error"}
    judge.main([str(config.images), "--out", str(config.out), "--judge", "scripted"])
    counts = "1 correct, 1 with an error (50.0% of the scored), 2 unscored (1 refused, 1 unreachable)"
    expected = f"judgements: {config.out}; 4 images: {counts}\n"
    assert capsys.readouterr().out == expected


def test_the_summary_of_nothing_scored_has_no_rate() -> None:
    lost = Judgement("s", "p", 0, "all", "unscored", reason="unreachable")
    assert judge.summary([lost]) == "1 images: 0 correct, 0 with an error, 1 unscored (1 unreachable)"


def test_nothing_scored_is_a_failure_and_one_score_is_none(
    config: judge.Config, scripted: type[Scripted]
) -> None:
    scripted.script = {f"s{i}": "refused" for i in range(4)}
    with pytest.raises(UserError, match=r"nothing could be judged in 4 images: .* \(4 refused\)$"):
        judge.run(config)
    assert len(judge.read(config.out)) == 4
    scripted.script = {f"s{i}": "unreachable" for i in range(3)}
    judge.run(replace(config, out=config.out.with_name("other")))


def test_what_an_unreachable_service_said_is_told(
    config: judge.Config, scripted: type[Scripted], capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = {"s1": "unreachable"}
    judge.main([str(config.images), "--out", str(config.out), "--judge", "scripted"])
    assert "tries again what is unreachable; for example: unreachable says s1" in capsys.readouterr().err


def test_another_judge_or_other_images_need_another_folder(
    config: judge.Config, scripted: type[Scripted]
) -> None:
    judge.run(config)
    scripted.version = 2
    with pytest.raises(UserError, match=r"settings\.version was 1, now 2"):
        judge.run(config)
    scripted.version = 1
    other = config.images.rename(config.images.with_name("other"))
    with pytest.raises(UserError, match="images was"):
        judge.run(replace(config, images=other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": "scriptd"}, "did you mean scripted"),
        ({"judge": "vlm"}, "needs --endpoint"),
        (
            {"vlm": Options(endpoint="http://host/v1", repeats=3)},
            "--endpoint, --repeats: for --judge vlm alone; leave that out, or give --judge vlm",
        ),
        ({"images": Path("/nowhere")}, "/nowhere: no such folder"),
    ],
)
def test_mistakes_are_told(config: judge.Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        judge.run(replace(config, **change))
    assert not config.out.exists()


@pytest.mark.parametrize("row", [{"sample_id": "s"}, {"odd": 1}])
def test_a_damaged_row_is_told(config: judge.Config, row: dict[str, Any]) -> None:
    judge.run(config)
    append_rows(config.out / "judgements.jsonl", [row])
    with pytest.raises(UserError, match="row 5: not a judgement"):
        judge.read(config.out)


def test_an_unknown_verdict_is_told(config: judge.Config) -> None:
    judge.run(config)
    row = {"sample_id": "s", "prompt_id": "p", "seed": 0, "category": "all", "verdict": "fine"}
    append_rows(config.out / "judgements.jsonl", [row])
    with pytest.raises(UserError, match="unknown verdict 'fine'"):
        judge.read(config.out)


def test_the_key_is_never_written(config: judge.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASAP_JUDGE_KEY", "sk-not-to-be-seen")
    keys: list[str] = []

    class Overloaded(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Authorization"])
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    with served(Overloaded) as url:
        service = Options(endpoint=f"{url}/v1", model_name="m", attempts=1, protocol="paper")
        with pytest.raises(UserError, match=r"nothing could be judged in 4 images: .*4 unreachable\)"):
            judge.run(replace(config, judge="vlm", vlm=service))
    assert keys == ["Bearer sk-not-to-be-seen"] * 4
    files = list(config.out.iterdir())
    assert files
    for file in files:
        assert "sk-not-to-be-seen" not in file.read_text()
    assert json.loads((config.out / "config.json").read_text())["identity"]["settings"]["model_name"] == "m"
