"""Settings in a YAML file: read like options, refused like options, and printed so that they repeat a run."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
import tyro
import yaml
from hypothesis import given
from hypothesis import strategies as st

from asap.align import train
from asap.command import Settings, parse, spell
from asap.command.settings import settings_of
from asap.command.yaml_file import Entry, read, written
from asap.errors import UserError
from asap.pairs import build
from asap.pairs.engines.settings import Engines


@dataclass(frozen=True)
class Config(Settings):
    """A stage of every type of setting."""

    source: tyro.conf.Positional[Path]
    out: Path
    rate: float = 1e-3
    steps: int | None = None
    name: str = ""
    quiet: bool = False
    loud: bool = True
    kind: Literal["red", "green"] = "red"
    words: tuple[str, ...] = ()
    numbers: tuple[float, float] = (0.0, 1.0)


def file(tmp_path: Path, text: str) -> Path:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "run.yaml"


def parsed(tmp_path: Path, text: str, *words: str) -> Config:
    return parse(Config, ["--config", str(file(tmp_path, text)), *words], "stage")


WHOLE = """
source: photos      # a comment
out: "hap"
rate: 3e-4
steps: 1_000
name: no
quiet: yes
loud: false
kind: green
words: [a, 1.10, "b c"]
numbers:
  - 0.5
  - 2
"""


def test_every_type_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    expected = Config(
        Path("photos"), Path("hap"), 3e-4, 1000, "no", True, False, "green", ("a", "1.10", "b c"), (0.5, 2.0)
    )
    assert parsed(tmp_path, WHOLE) == expected
    words = "photos --out hap --rate 3e-4 --steps 1_000 --name no --quiet --no-loud --kind green"
    more = ["--words", "a", "1.10", "bc", "--numbers", "0.5", "2"]
    assert parse(Config, [*words.split(), *more], "stage") == replace(expected, words=("a", "1.10", "bc"))


def test_options_win_over_the_file(tmp_path: Path) -> None:
    found = parsed(tmp_path, WHOLE, "other", "--rate", "1", "--no-quiet", "--words", "z", "--kind=red")
    assert (found.source, found.rate, found.quiet, found.words, found.kind) == (
        Path("other"), 1.0, False, ("z",), "red",
    )  # fmt: skip
    assert (found.out, found.steps, found.loud) == (Path("hap"), 1000, False)


def test_an_option_may_bring_a_setting_back_to_its_default(tmp_path: Path) -> None:
    assert parsed(tmp_path, WHOLE, "--rate", "1e-3").rate == 1e-3


def test_hyphens_and_what_is_left_open(tmp_path: Path) -> None:
    text = "model: m\ndata: d\nout: o\nlearning-rate: 1e-2\ntau: null\nbeta:\n"
    found = parse(train.Config, ["--config", str(file(tmp_path, text))], "train")
    assert found == train.Config("m", "d", Path("o"), learning_rate=0.01)


def test_groups_lend_their_settings(tmp_path: Path) -> None:
    text = "photos: photos\nout: hap\ninpaint: FOLDER\ncandidates: 2\n"
    found = parse(build.Config, ["--config", str(file(tmp_path, text)), "--candidates", "3"], "build")
    assert found == build.Config("photos", Path("hap"), engines=Engines(inpaint="FOLDER", candidates=3))
    assert spell(found, "build", "photos") == "asap build photos --out hap --inpaint FOLDER --candidates 3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rat: 1", ":1: no setting named 'rat'; did you mean rate?"),
        ("rate: 1\nzzz: 1", ":2: no setting named 'zzz'; there is source, out, rate"),
        ("rate: fast", ":1: rate fast: give a number"),
        ("rate: [1, 2]", ":1: rate takes one value, not a list"),
        ("rate: {a: 1}", ":1: rate takes one value, nothing nested"),
        ("steps: 1.5", ":1: steps 1.5: give a whole number"),
        ("quiet: maybe", ":1: quiet maybe: give true or false"),
        ("kind: gren", ":1: kind gren: no such choice; did you mean green?"),
        ("numbers: [1]", ":1: numbers 1: give 2 values"),
        ("words: [[a]]", ":1: words takes a list of values, nothing nested"),
        ("rate:", ":1: rate has no value; give one, or leave the line out"),
        ("rate: 1\nname: a\nrate: 2", ":3: rate is given already, in "),
        ("- rate\n- name", ":1: give one setting a line"),
        ("just words", ":1: give one setting a line"),
        ("? [a]\n: 1", ":1: give one setting a line"),
        ("rate: 1\n---\nrate: 2", ":2: more than one document"),
        ("rate: 1\nname: [", "not YAML ("),
        ("name: *nobody", ":1: found undefined alias"),
        ("name: a\x00b", "not YAML (unacceptable character"),
        ("<<: {rate: 1}", ":1: no setting named '<<'"),
        ("steps: !!python/object/apply:os.system [x]", ":1: steps takes one value, not a list"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parsed(tmp_path, text, "a", "--out", "b")
    assert told in str(error.value) and str(tmp_path / "run.yaml") in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    for name, told in (("none.yaml", "No such file"), ("picture", "not text"), (".", "directory")):
        with pytest.raises(UserError, match=f"--config .*{told}.*; give a YAML file"):
            parse(Config, ["--config", str(tmp_path / name)], "stage")


def test_no_tag_is_followed(tmp_path: Path) -> None:
    """A word with a tag is that word, whatever the tag asks for."""
    text = "name: !!python/name:os.system x\n"
    assert parsed(tmp_path, text, "a", "--out", "b").name == "x"


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert parsed(tmp_path, "# nothing\n", "a", "--out", "b") == Config(Path("a"), Path("b"))


def shown(config: type, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as done:
        train.main(words) if config is train.Config else parse(config, words, "stage")
    assert done.value.code == 0
    return capsys.readouterr().out


def test_what_is_printed_gives_the_same_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["a b", "--out", "x: y", "--rate", "1e-5", "--words", "on", "1", "--name", 'say "#"', "--no-loud"]
    text = shown(Config, [*words, "--print-config"], capsys)
    assert parsed(tmp_path, text) == parse(Config, words, "stage")
    assert yaml.safe_load(text)["rate"] == 1e-5  # to other readers of YAML too


def test_the_origin_of_each_line_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, "model: mini-hand\nsteps: 5\nseed: 3\ntau: 0.2\n")
    text = shown(train.Config, ["--config", str(path), "--steps", "1000", "--print-config"], capsys)
    origins = dict(re.findall(r"^(?:# )?(\w+):.*? # (.*)$", text, re.M))
    assert origins["model"] == f"{path}:1" and origins["seed"] == f"{path}:3"
    assert origins["steps"] == "command line"  # though it is the default
    assert origins["data"] == origins["out"] == "required"
    assert origins["tau"] == f"{path}:4" and origins["rank"].startswith("recipe mini, chosen: ")
    assert origins["learning_rate"].startswith("recipe mini, searched: ")
    assert origins["warmup"] == "default"
    assert yaml.safe_load(text)["learning_rate"] == 3e-4


def test_another_recipe_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--recipe", "flux"], ["--recipe", "flux", "--model", "mini-hand"]):
        text = shown(train.Config, [*words, "--print-config"], capsys)
        assert yaml.safe_load(text)["tau"] == 0.01 and "# recipe flux, published: Li et al. 2026" in text


def test_printing_train_s_settings_needs_no_torch() -> None:
    code = (
        "import sys; from asap.cli import main\n"
        "try: main(['train', '--model', 'mini', '--print-config'])\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n") and "recipe mini" in done.stdout


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)


@given(
    name=words,
    many=st.lists(words, max_size=3).map(tuple),
    rate=st.floats(allow_nan=False),
    steps=st.none() | st.integers(),
    quiet=st.booleans(),
)
def test_any_value_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    many: tuple[str, ...],
    rate: float,
    steps: int | None,
    quiet: bool,
) -> None:
    values = {"name": name, "words": many, "rate": rate, "steps": steps, "quiet": quiet}
    entries = [Entry(key, value, "here") for key, value in values.items()]
    path = file(tmp_path_factory.mktemp("yaml"), written(entries, "stage"))
    found = {key: one.value for key, one in read(path, settings_of(Config)).items()}
    assert found == {key: value for key, value in values.items() if value is not None}
