"""What raters said as verdicts, votes and a summary, and that `asap report` reads them as any judge's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hap
import studies
from asap.bench import judge, report, samples
from asap.errors import UserError
from asap.records import Judgement, Vote
from asap.review import agreement
from asap.store import append_rows, open_run, read_rows, write_config
from asap.study import answers, folder, imports, majority, offline, reliability, results, run
from asap.study.answers import Said
from asap.study.folder import Asked, Item, Rater, Study
from asap.web.journal import Journal

SAMPLE = {"id": "s", "prompt_id": "p", "seed": 3, "category": "hand"}
ITEM = Item("rate", "study", ("x",), (SAMPLE | {"folder": 0},))


def said(*words: str, **more: tuple[object, ...]) -> list[Said]:
    asked = Asked("a", "rate/0/s", "study", False)
    parts, boxes = more.get("parts", ()), more.get("boxes", ())
    return [
        Said(
            f"rater-{k}", asked, ITEM, word,
            tuple(parts[k]) if k < len(parts) else (),  # type: ignore[arg-type]
            boxes[k] if k < len(boxes) else None,  # type: ignore[arg-type]
        )
        for k, word in enumerate(words)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "verdict", "reason", "confidence"),
    [
        ("error error correct", "error", "", 2 / 3),
        ("correct", "correct", "", 1.0),
        ("error correct", "unscored", "no majority", None),
        ("error correct unsure", "unscored", "no majority", None),
        ("unsure unsure error", "unscored", "cannot tell", None),
        ("error error correct unsure", "error", "", 0.5),
    ],
)
def test_the_majority_decides(words: str, verdict: str, reason: str, confidence: float | None) -> None:
    found = majority.verdict(SAMPLE, said(*words.split()), (100, 80))
    assert (found.verdict, found.reason, found.confidence) == (verdict, reason, confidence)
    assert found.errors == (("anatomical error",) if verdict == "error" else ())
    assert [one["word"] for one in found.evidence["raters"].values()] == words.split()
    assert (found.sample_id, found.prompt_id, found.seed, found.category) == ("s", "p", 3, "hand")


def test_place_and_part_of_an_error_are_those_of_most() -> None:
    boxes = ((10, 10, 30, 30), (14, 12, 40, 34), (60.5, 50, 60.5, 50), (0, 0, 1, 1))
    parts = (("hand",), ("hand", "arm"), (), ("face",))
    found = majority.verdict(
        SAMPLE, said("error", "error", "error", "correct", parts=parts, boxes=boxes), (100, 80)
    )
    assert found.errors == ("hand error",)
    assert found.region == (14, 12, 40, 34)  # medians of three; the click is the square 55.5..65.5, 45..55
    assert majority.region([(99, 79, 99, 79)], (100, 80)) == (94, 74, 100, 80)
    assert majority.region([], (100, 80)) is None


def test_fleiss_kappa_is_that_of_the_book() -> None:
    """Ten patients, fourteen raters, five words: 0.210 (Fleiss 1971's method, as commonly worked out)."""
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    table = {
        str(n): dict(
            enumerate(word for k, count in enumerate(row) for word in [str(k)] * count)  # type: ignore[arg-type]
        )
        for n, row in enumerate(counts)
    }
    assert agreement.fleiss(table) == pytest.approx(0.210, abs=5e-4)  # type: ignore[arg-type]
    assert agreement.fleiss({"one": {"a": "x"}}) is None
    assert agreement.fleiss({"one": {"a": "x", "b": "x"}}) is None


Answering = Callable[[Rater, Asked, Item], str]


def honest(rater: Rater, asked: Asked, item: Item) -> str:
    """Sees errors in the tuned model's images of odd prompts, and prefers the base's there."""
    if item.truth:
        return item.truth
    odd = int(item.samples[-1]["id"].rpartition("-")[2]) % 2
    if item.kind == "vote":
        return "first" if odd else "tie"
    return "error" if odd and item.samples[0]["folder"] else "correct"


def careless(rater: Rater, asked: Asked, item: Item) -> str:
    return "correct" if item.kind == "rate" else "tie"


def rows(study: Study, rater: Rater, answering: Answering) -> Iterator[dict[str, object]]:
    shared = {"study": study.id, "rater": rater.code, "seconds": 2.0, "time": "2026-01-01T00:00:00Z"}
    yield shared | {"key": "consent-0001", "item": "consent", "word": "yes"}
    for number, asked in enumerate(rater.asked):
        item = study.items[asked.item]
        word = answering(rater, asked, item)
        sides = {"first": "ab"[asked.swapped], "second": "ba"[asked.swapped]}
        row = shared | {"key": f"answer-{number:04d}", "item": asked.id, "word": sides.get(word, word)}
        yield row | ({"parts": ["hand"], "box": [10, 10, 50, 60]} if word == "error" else {})


def sent(place: Path, study: Study, number: int, answering: Answering) -> Path:
    rater = study.raters[number]
    path = place / f"answers-{rater.code}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(study, rater, answering)))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three raters of eight prompts, one of whom answers the same to all."""
    made = tmp_path_factory.mktemp("results")
    study = studies.made(made, 8, gold=hap.write(made / "hap", tests=0))
    files = [sent(made, study, k, careless if k == 2 else honest) for k in range(3)]
    assert imports.run(imports.Config(made / "study", tuple(files))).total() == sum(
        len(rater.asked) + 1 for rater in study.raters
    )
    assert not imports.run(imports.Config(made / "study", tuple(files)))  # again: nothing is counted twice
    results.run(results.Config(made / "study", made / "human"))
    return made


def test_the_results_are_those_of_the_raters_who_attended(place: Path) -> None:
    told = json.loads((place / "human" / "summary.json").read_text())
    assert [one["kept"] for one in told["raters"]] == [True, True, False]
    assert [one["attention"]["right"] for one in told["raters"]] == [5, 5, 2]  # repeats alone
    assert [one["gold"]["share"] for one in told["raters"]][:2] == [1.0, 1.0]
    assert told["raters"][0]["gold"]["interval"][0] == pytest.approx(0.5101, abs=1e-4)  # Wilson, 4 of 4
    assert told["raters"][0]["median_seconds"] == 2.0
    rates = {one["name"]: (one["errors"], one["scored"]) for one in told["kept"]["models"]}
    assert rates == {studies.MODELS[0]: (0, 8), studies.MODELS[1]: (4, 8)}
    assert told["all"]["models"][1]["errors"] == 4  # two of three still
    assert told["kept"]["agreement"]["rate"]["fleiss_kappa"] == 1.0
    assert 0 < told["all"]["agreement"]["rate"]["fleiss_kappa"] < 1
    (votes,) = told["kept"]["votes"]
    assert (votes["wins"], votes["ties"], votes["losses"], votes["prompts"]) == (0, 8, 8, 8)
    assert told["all"]["votes"][0]["ties"] == 16
    text = (place / "human" / "summary.md").read_text()
    assert "Left out for passing less than 80% of the attention checks: rater-03" in text
    assert f"| {studies.MODELS[1]} | 4 | 8 | 0 | 50.0% |" in text


def test_votes_are_rows_of_each_rater_in_the_models_order(place: Path) -> None:
    folder_ = place / "human" / f"votes-{studies.MODELS[0]}-{studies.MODELS[1]}"
    votes = [Vote(**row) for row in read_rows(folder_ / "votes.jsonl")]
    assert len(votes) == 16 and {vote.rater for vote in votes} == {"rater-01", "rater-02"}
    for vote in votes:
        number = int(vote.prompt_id[1:])
        assert (vote.first, vote.second) == tuple(f"{name}-{number}" for name in studies.MODELS)
        assert vote.choice == ("first" if number % 2 else "tie")
    config = json.loads((folder_ / "config.json").read_text())
    assert config["stage"] == "study" and config["identity"]["judge"] == "human"
    assert (config["first"], config["second"]) == tuple(f"../../{name}" for name in studies.MODELS)
    sides = {vote.evidence["shown_first"] for vote in votes}
    assert sides == {"first", "second"}


def test_the_report_reads_people_as_any_judge_and_a_second_judge_beside_them(place: Path) -> None:
    human = [place / "human" / name for name in studies.MODELS]
    found = judge.read(human[1])
    wrong = found[f"{studies.MODELS[1]}-1"]
    assert wrong.verdict == "error" and wrong.errors == ("hand error",) and wrong.region == (10, 10, 50, 60)
    others = []
    for number, name in enumerate(studies.MODELS):
        other = place / "vlm" / name
        identity = {"images": samples.identity(place / name), "judge": "vlm", "settings": {"model": "m"}}
        open_run(other, "judge", identity, {"images": f"../../{name}"})
        verdicts = [
            Judgement(f"{name}-{k}", f"p{k}", 7, "face", "error" if number and k == 1 else "correct")
            for k in range(8)
        ]
        append_rows(other / "judgements.jsonl", verdicts)
        others.append(str(other))
    out = report.run(report.Config(tuple(map(str, human)), place / "report", second=tuple(others)))
    told = json.loads((out / "report.json").read_text())
    assert told["judge"]["name"] == "human"
    assert [model["aer"] for model in told["models"]] == [0.0, 0.5]
    agreed = told["second"]["models"][1]["agreement"]
    assert agreed["differing"] == 3 / 8 and agreed["kappa"] == pytest.approx(0.25)
    page = (out / "report.html").read_text()
    assert "human" in page and "hand error" in page
    assert "passed 10 of 10 attention checks, were right on 8 of 8 pictures whose truth is known" in page
    record = json.loads((human[0] / "config.json").read_text())
    write_config(human[0], {**record, "raters": {**record["raters"], "gold": [2, 8]}})
    report.run(report.Config(tuple(map(str, human)), place / "poor"))
    poor = (place / "poor" / "report.md").read_text()
    (line,) = [line for line in poor.splitlines() if "right on 2 of 8 pictures" in line]
    assert line.startswith("- ! ")
    write_config(human[0], record)
    assert 0 < page.index("asap study ") < page.index("asap study-results ")  # to repeat this


def test_wrong_files_are_told_by_line_and_nothing_is_taken(place: Path, tmp_path: Path) -> None:
    study = folder.load(place / "study")
    good = list(rows(study, study.raters[0], honest))
    before = answers.said(place / "study" / folder.ANSWERS, study)
    for row, words in (
        ("rubbish", "not JSON"),
        ("[]", "expected a JSON object"),
        ({"bad": 1}, "no answer of a study"),
        (good[1] | {"study": "other"}, "an answer to another study"),
        (good[1] | {"rater": "nobody"}, "no rater of this study has the code 'nobody'"),
        (good[1] | {"item": study.raters[1].asked[0].id}, "no such question for this rater"),
        (good[1] | {"word": "fine"}, '"word": one of'),
        (good[1] | {"word": "unsure"}, "this key stands for another answer"),
    ):
        path = tmp_path / "answers.jsonl"
        fresh = json.dumps(good[2] | {"key": "fresh-0001"})
        line = row if isinstance(row, str) else json.dumps(row)
        path.write_text(f"{line}\n{fresh}\n")
        with pytest.raises(UserError, match=f"answers.jsonl line 1: .*{words}"):
            imports.run(imports.Config(place / "study", (path,)))
        assert answers.said(place / "study" / folder.ANSWERS, study) == before


def test_a_folder_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="given twice"):
        run.run(run.Config((tmp_path, tmp_path / "."), tmp_path / "study", offline=tmp_path / "s.html"))


def test_results_need_answers_and_raters_who_attended(tmp_path: Path) -> None:
    study = studies.made(tmp_path, 2)
    with pytest.raises(UserError, match="nobody has answered yet"):
        results.run(results.Config(tmp_path / "study", tmp_path / "out"))
    kept = Journal(tmp_path / "study" / folder.ANSWERS)
    for row in rows(study, study.raters[0], careless):
        kept.add(answers.read(row, study, study.raters[0]))
    kept.close()
    with pytest.raises(UserError, match="the only rater so far passed less than 80%"):
        results.run(results.Config(tmp_path / "study", tmp_path / "out"))
    results.run(results.Config(tmp_path / "study", tmp_path / "out", min_attention=0.0))
    assert "Anatomical errors" in (tmp_path / "out" / "summary.md").read_text()


def test_a_repeat_fails_only_where_it_contradicts() -> None:
    assert reliability.contradicts("error", "correct") and reliability.contradicts("first", "second")
    for one, other in (("error", "unsure"), ("tie", "first"), ("error", "error")):
        assert not reliability.contradicts(one, other)


def test_the_offline_file_tells_no_names_and_allows_no_connection(tmp_path: Path) -> None:
    study = studies.made(tmp_path, 3, gold=studies.gold(tmp_path))
    page = offline.page(tmp_path / "study", study, 8)
    assert "connect-src 'none'" in page and "default-src 'none'" in page and "/static/" not in page
    data = page.partition('id="study-data">')[2].partition("</script>")[0]
    known = json.loads(data)
    texts = json.dumps({name: known[name] for name in known if name != "pictures"}).lower()
    assert not [word for word in (*studies.MODELS, "truly", "obvious", "repeat") if word in texts]
    assert not any(rater.token in page for rater in study.raters)
    with pytest.raises(UserError, match="will not fit into 0 MiB"):
        offline.pictures.small({"x": next((tmp_path / "study" / "pictures").glob("*.png"))}, 100)
