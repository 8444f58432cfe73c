"""What reviewers decide reaches the dataset: one decision of several people's, and who overrules whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hap
from asap.errors import UserError
from asap.pairs.exchange import exports, publish
from asap.pairs.hap import dataset, terms
from asap.pairs.hap.decisions import KEEP, REJECT, UNSURE, WRONG_LABEL, Decision, agreed, read
from asap.web.journal import Answer, Journal

IDS = [hap.pair(index).id for index in range(4)]


def decided(folder: Path, *said: tuple[int, str, str, str | None]) -> None:
    kept = Journal(folder / "reviews.sqlite")
    for number, (pair, person, word, error) in enumerate(said):
        kept.add(Answer(str(number), IDS[pair], person, word, error))
    kept.close()


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([(REJECT, None)], (REJECT, None)),
        ([(REJECT, None), (KEEP, None)], (UNSURE, None)),
        ([(REJECT, None), (KEEP, None), (REJECT, None)], (REJECT, None)),
        ([(UNSURE, None), (UNSURE, None), (REJECT, None)], (REJECT, None)),
        ([(UNSURE, None)], (UNSURE, None)),
        ([(WRONG_LABEL, "a"), (WRONG_LABEL, "a"), (WRONG_LABEL, "b")], (WRONG_LABEL, "a")),
        ([(WRONG_LABEL, "a"), (WRONG_LABEL, "b")], (WRONG_LABEL, None)),
        ([(WRONG_LABEL, "a"), (WRONG_LABEL, None), (KEEP, None)], (WRONG_LABEL, "a")),
    ],
)
def test_most_of_those_who_are_sure_decide(
    votes: list[tuple[str, str | None]], expected: tuple[str, str | None]
) -> None:
    assert agreed([Decision(*vote) for vote in votes]) == expected
    assert agreed([Decision(*vote) for vote in reversed(votes)]) == expected


def test_publish_and_export_honour_reviewers_and_the_file_overrules_them(tmp_path: Path) -> None:
    made = hap.write(tmp_path / "hap", tests=0)
    decided(
        made,
        (0, "ana", "reject", None),
        (1, "ana", "wrong label", "crooked mouth"),
        (2, "ana", "reject", None),
        (3, "ana", "reject", None),
        (3, "ben", "keep", None),
    )
    (made / "decisions.jsonl").write_text(json.dumps({"id": IDS[2], "decision": "keep"}) + "\n")
    assert terms.settle(made, "", None).rejected == {IDS[0]}  # what `asap build` leaves out
    assert read(made)[IDS[3]] == Decision(UNSURE)
    publish.run(publish.Config(made, str(tmp_path / "out")))
    found = {row["id"]: row["error"] for row in dataset.read(tmp_path / "out", ["id", "error"])}
    assert found == {IDS[1]: "crooked mouth", IDS[2]: "twisted mouth", IDS[3]: "twisted mouth"}
    exports.run(exports.Config(made, "simpletuner", tmp_path / "other"))
    assert {path.stem for path in (tmp_path / "other" / "chosen").glob("*.png")} == set(IDS[1:])


def test_damaged_reviews_stop_it(tmp_path: Path) -> None:
    made = hap.write(tmp_path / "hap")
    (made / "reviews.sqlite").write_bytes(b"rubbish" * 1000)
    with pytest.raises(UserError, match="not a database"):
        publish.run(publish.Config(made, str(tmp_path / "out")))
