"""HAF-Bench: 500 prompts as promised, facts that can be asked, and the stage that prints them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from asap.bench import generate, samples
from asap.bench import prompts as prompt_files
from asap.bench.haf import facts, sets, show
from asap.bench.haf.vocabulary import GESTURES, PARTS, POSTURES, STATES
from asap.errors import UserError
from asap.figures.people.catalogue import CATEGORIES
from asap.store import Row

BENCH, QUICK, CALIBRATION = (sets.rows(name) for name in sets.NAMES)
ALL = [*BENCH, *CALIBRATION]
# the words by which a text says what `subjects` claim of it
SAID = {
    "female": "woman women girl girls she her mother grandmother lady sister queen couple",
    "male": "man men boy boys he him his father grandfather gentleman businessmen brother policeman couple",
    "light": "fair pale light freckled ruddy",
    "medium": "olive tan tanned bronze golden light",
    "dark": "dark black deep",
    "child": "boy boys girl girls child children toddler baby schoolchildren daughter son brother grandson",
    "teenager": "teenage teenagers",
    "young adult": "young",
    "middle-aged": "middle forties fifties thirties forty fifty",
    "old": "old elderly retired grandmother grandfather elder white silver golden",
}
COMMON = "a an the of and in on with to his her at its by for from one both two each is are as over"
CAPITALS = {"Black", "German", "I", "L", "OK", "T", "V", "X"}
# nothing undressed or hurt, no styles of makers: "in the style of", "nude", "blood", ...
UNFIT = re.compile(
    r"\b(nude|naked|topless|lingerie|bikini|underwear|sexy|blood\w*|wound\w*|corpse|weapon|pistol|rifle|"
    r"drunk|cigarette|smoking|style of|inspired by|masterpiece|trending|[48]k|photorealistic|painted by)\b",
    re.IGNORECASE,
)


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def shares(rows: list[Row], name: str) -> dict[str, float]:
    """Of the subjects of whom the text tells it, the share of each value."""
    counts = Counter(s[name] for row in rows for s in row["subjects"] if s[name] != "unstated")
    return {value: count / counts.total() for value, count in counts.items()}


def test_there_are_five_hundred_in_five_categories() -> None:
    assert Counter(row["category"] for row in BENCH) == dict.fromkeys(CATEGORIES, 100)
    assert Counter(row["category"] for row in QUICK) == dict.fromkeys(CATEGORIES, 10)
    assert Counter(row["category"] for row in CALIBRATION) == dict.fromkeys(CATEGORIES, 20)


def test_any_first_part_is_stratified() -> None:
    for rows in (BENCH, CALIBRATION):
        assert [row["category"] for row in rows[:50]] == [*CATEGORIES] * 10


def test_ids_are_unique_and_can_name_files() -> None:
    assert len({row["id"] for row in ALL}) == len(ALL) == 600
    assert all(re.fullmatch(r"(haf|cal)-(basic|gesture|self|object|full)-\d{3}", row["id"]) for row in ALL)
    assert {row["version"] for row in ALL} == {"1"}
    assert {row["id"] for row in QUICK} < {row["id"] for row in BENCH}


def test_texts_are_sentences_of_fair_length() -> None:
    for row in ALL:
        assert 8 <= len(row["text"].split()) <= 35, row["text"]
        assert row["text"].endswith((".", "?")) and row["text"] == " ".join(row["text"].split())


def test_no_two_prompts_are_alike() -> None:
    """Jaccard similarity of the sets of words, without the most common ones, over all pairs."""
    bags = [(row["id"], words(row["text"]) - words(COMMON)) for row in ALL]
    alike = [
        (one, two) for (one, a), (two, b) in itertools.combinations(bags, 2) if len(a & b) > 0.4 * len(a | b)
    ]
    assert alike == []
    assert len({tuple(row["text"].split()[:5]) for row in ALL}) > 500  # nor do they begin alike


def test_no_names_of_people_or_brands_no_styles_and_nothing_indecent() -> None:
    for row in ALL:
        inner = re.findall(r"(?<=[a-z,;:] )[A-Z][A-Za-z]*", row["text"])
        assert set(inner) <= CAPITALS, row["text"]
        assert not UNFIT.search(row["text"]), row["text"]
        ages = {subject["age"] for subject in row["subjects"]}
        assert row["clothing"] != "swim" or not ages & {"child", "teenager"}, row["text"]


def test_the_text_says_what_the_row_claims_of_its_people() -> None:
    for row in ALL:
        said = words(row["text"])
        for value in {v for subject in row["subjects"] for v in subject.values()} - {"unstated"}:
            assert said & set(SAID[value].split()), (value, row["text"])
        if "unstated" in {s["gender"] for s in row["subjects"]} and row["facts"]["people"] == 1:
            assert not said & {"she", "her", "he", "his", "him", "woman", "man", "girl", "boy"}, row["text"]


@pytest.mark.parametrize("rows", [BENCH, QUICK, CALIBRATION], ids=sets.NAMES)
def test_people_are_balanced(rows: list[Row]) -> None:
    for name, values in (("gender", 2), ("skin", 3), ("age", 5)):
        found = shares(rows, name)
        assert len(found) == values
        assert all(0.85 <= share * values <= 1.15 for share in found.values()), found


@pytest.mark.parametrize("category", CATEGORIES)
def test_people_are_balanced_within_each_category(category: str) -> None:
    rows = [row for row in BENCH if row["category"] == category]
    for name, values in (("gender", 2), ("skin", 3), ("age", 5)):
        assert all(0.75 <= share * values <= 1.3 for share in shares(rows, name).values())


def test_places_framings_views_and_clothes_differ() -> None:
    def least(name: str) -> dict[str, int]:
        return Counter(row[name] for row in BENCH)

    assert set(least("setting")) == {
        "home", "nature", "public", "school", "sport", "street", "studio", "work",
    }  # fmt: skip
    assert min(least("setting").values()) >= 35 and max(least("setting").values()) <= 125
    framings = least("framing")
    assert min(framings[name] for name in ("close-up", "portrait", "half body", "full body")) >= 45
    assert max(framings.values()) <= 250
    assert sum(least("view")[name] for name in ("side", "back", "low", "high")) >= 60
    clothes = least("clothing")
    assert clothes["casual"] <= 250 and min(clothes[c] for c in ("sport", "work", "formal")) >= 40
    assert sum(row["facts"]["people"] > 1 for row in BENCH) >= 30


def test_all_facts_can_be_asked() -> None:
    for row in ALL:
        assert facts.mistakes(row["facts"]) == [], row["id"]
        assert row["facts"]["checks"] and row["facts"]["visible"]
        assert row["facts"]["people"] == len(row["subjects"])
        asked = facts.questions(row["facts"])
        assert len(asked) == 1 + len(row["facts"]["visible"]) + len(row["facts"]["checks"])
        assert all(q[0].isupper() and "{" not in q for q in asked)


def test_checks_name_people_of_the_text_and_only_where_there_are_several() -> None:
    for row in ALL:
        checks = [facts.parse(check) for check in row["facts"]["checks"]]
        if row["facts"]["people"] == 1:
            assert {check.who for check in checks} == {""}, row["id"]
        for who in {check.who for check in checks} - {"", "each person"}:
            assert words(who) & words(row["text"]) - {"the"}, (row["id"], who)


def test_hands_that_are_checked_have_to_be_in_the_picture() -> None:
    for row in ALL:
        if row["facts"]["people"] > 1 or "body" in row["facts"]["visible"]:
            continue
        checked = {facts.parse(check).part for check in row["facts"]["checks"]}
        seen = {part for part in row["facts"]["visible"] if "hand" in part}
        both = "both hands" in checked or {"one hand", "other hand"} <= checked
        if both or {"left hand", "right hand"} <= checked:
            assert seen == {"both hands"} or seen == {"left hand", "right hand"}, row["id"]
        elif checked & {"one hand", "left hand", "right hand"}:
            assert seen, row["id"]


def test_counts_of_the_text_are_the_facts_counts() -> None:
    """Where a text counts the fingers stretched out, so do its facts."""
    numbers = {"three": 3, "four": 4}
    counted = 0
    for row in ALL:
        found = re.search(r"\b(three|four) fingers (of|up|upright)", row["text"])
        if found:
            counted += 1
            assert any(f"extends {numbers[found[1]]} " in c for c in row["facts"]["checks"]), row["text"]
    assert counted >= 4


def test_the_vocabulary_is_used_and_documented() -> None:
    checks = [facts.parse(check) for row in ALL for check in row["facts"]["checks"]]
    assert {check.value for check in checks if check.state == "makes"} == set(GESTURES)
    used = {(PARTS[check.part][0], check.state) for check in checks}
    known = {(kind, state) for kind, states in STATES.items() for state in states}
    assert known | {("body", state) for state in POSTURES} == used
    page = (Path(__file__).parents[2] / "docs" / "haf_bench.md").read_text(encoding="utf-8")
    for identity, text in re.findall(r"(haf-[a-z]+-\d{3}): ([^|]*?) \|", page):
        assert text == next(row["text"] for row in BENCH if row["id"] == identity)
    missing = [word for word in (*GESTURES, *(s for _, s in known), *POSTURES) if f"`{word}" not in page]
    assert missing == []


@pytest.mark.parametrize(
    ("check", "question"),
    [
        (
            "right hand: extends 3 fingers",
            "Does the right hand have exactly 3 fingers stretched out, counting the thumb?",
        ),
        ("the girl's left hand: holds a red kite", "Does the left hand of the girl hold a red kite?"),
        ("each person's both hands: clasped", "Of each person: are both hands clasped"),
        ("both feet: shows 5 toes", "Do both feet each show exactly 5 toes?"),
        ("one hand: makes fist", "Does one hand make this sign: fist (all fingers are closed)?"),
        ("the man's body: sits on a swing", "Does the man sit on a swing?"),
        ("body: sits", "Does the person sit?"),
        ("eyes: closed", "Are the eyes closed?"),
    ],
)
def test_a_check_is_a_question(check: str, question: str) -> None:
    assert facts.question(facts.parse(check)).startswith(question)


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("six fingers", "is not of the form"),
        ("tail: raised", "no part 'tail'"),
        ("right hand: sings", "nothing known of right hand begins so"),
        ("right hand: extends 6 fingers", "'extends' cannot be followed by '6 fingers'"),
        ("right hand: makes victory", "'makes' cannot be followed by 'victory'"),
        ("right hand: open wide", "'open' cannot be followed by 'wide'"),
        ("right hand: holds", "'holds' cannot be followed by ''"),
        ("right hand: holds " + "very " * 9 + "much", "'holds' cannot be followed by"),
    ],
)
def test_a_fact_outside_the_vocabulary_is_told(check: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        facts.parse(check)
    assert told in facts.mistakes({"checks": [check]})[0]


def test_facts_of_other_worlds_ask_nothing_and_are_no_mistake() -> None:
    assert facts.questions({"gesture": "fist", "fingers": 0}) == []
    assert facts.mistakes({"gesture": "fist", "fingers": 0}) == []
    assert facts.mistakes({"people": "two", "visible": "face", "checks": 3})[0].startswith('"people" is')
    assert len(facts.mistakes({"people": True, "visible": ["wing"], "checks": {}})) == 3


def test_the_sets_are_prompts_by_name() -> None:
    found = prompt_files.read(Path("haf-bench"))
    assert [p.id for p in found] == [row["id"] for row in BENCH]
    assert found[0].facts == BENCH[0]["facts"] and found[1].category == "semantic gestures"
    assert len(prompt_files.read(Path("haf-bench:quick"))) == 50
    with pytest.raises(UserError, match=r"cannot read the prompts.*; did you mean haf-bench:quick"):
        prompt_files.read(Path("haf-bench:quik"))


def test_a_sample_carries_its_facts_to_the_judge() -> None:
    config = generate.Config(prompts=Path("haf-bench:quick"), out=Path("unused"))
    samples = generate.plan(prompt_files.read(config.prompts), seeds=2, seed=0)
    assert len(samples) == 100 and len({s.seed for s in samples}) == 100
    assert [s.facts for s in samples[:50]] == [row["facts"] for row in QUICK]


def test_the_quick_set_is_drawn_by_name(tmp_path: Path, flux: Path) -> None:
    config = generate.Config(Path("haf-bench:quick"), tmp_path / "out", str(flux), steps=1, size=16, batch=50)
    listed = samples.read(generate.run(config))
    assert [s.prompt_id for s in listed] == [row["id"] for row in QUICK]
    assert listed[3].facts == QUICK[3]["facts"] and listed[3].category == QUICK[3]["category"]


def test_the_stage_prints_what_it_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show.main(["haf-bench", "--subset", "quick"])
    printed = capsys.readouterr().out
    assert show.run(show.Config("haf-bench:quick", out=tmp_path / "q.jsonl")) == tmp_path / "q.jsonl"
    (tmp_path / "notes.jsonl").write_text("mine")
    with pytest.raises(UserError, match=r"notes\.jsonl is there already"):
        show.run(show.Config("haf-bench:quick", out=tmp_path / "notes.jsonl"))
    assert (tmp_path / "q.jsonl").read_text(encoding="utf-8") == printed
    assert prompt_files.read(tmp_path / "q.jsonl") == sets.prompts("haf-bench:quick")


def test_the_stage_reads_files_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.jsonl"
    checks = ["one hand: makes fist", "one hand: makes tea"]
    mine = [
        {"id": "a", "text": "a fist", "facts": {"checks": checks[:1]}},
        {"id": "b", "text": "tea", "facts": {"checks": checks}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in mine), encoding="utf-8")
    show.main([str(path), "--questions"])
    out, err = capsys.readouterr()
    first, second = (json.loads(line) for line in out.splitlines())
    assert first["questions"] == ["Does one hand make this sign: fist (all fingers are closed)?"]
    assert second["questions"] == [] and second["facts"] == {"checks": checks}
    assert "mine.jsonl: b: 'one hand: makes tea'" in err and err.count("\n") == 1
    with pytest.raises(UserError, match="--subset is of haf-bench"):
        show.rows(show.Config(str(path), subset="quick"))


def test_a_reader_that_leaves_early_is_no_error() -> None:
    asap = f"{sys.executable} -m asap prompts"
    done = subprocess.run(f"{asap} | head -1", shell=True, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["id"] == "haf-basic-001" and done.stderr == ""
