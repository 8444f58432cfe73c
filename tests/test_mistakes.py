"""Mistakes in a command line are one line each, with the nearest name, under every stage."""

from __future__ import annotations

import importlib

import pytest

from asap import cli
from asap.align import train
from asap.command.nearest import nearest
from asap.command.settings import settings_of
from asap.errors import UserError


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("train --objective assap", "--objective assap: no such choice; did you mean asap?"),
        ("train --objective=loca_dpo", "--objective loca_dpo: no such choice; did you mean local_dpo"),
        ("train --tracker zzz", "--tracker zzz: no such choice; there is tensorboard, wandb, none"),
        ("train --learnin-rate 3", "--learnin-rate: no such option of `asap train`; did you mean --learning"),
        ("train --learnin_rate=3", "--learnin_rate: no such option of `asap train`; did you mean --learning"),
        ("train --no-gradient-chekpointing", "did you mean --no-gradient-checkpointing"),
        ("train --zzz", "--zzz: no such option of `asap train`; see `asap train --help`"),
        ("train --confg run.yaml", "did you mean --config"),
        ("train --config", "--config: give a YAML file after it"),
        ("train --config a.yaml --config b.yaml", "--config: given twice"),
        ("train --steps ten", "--steps ten: give a whole number"),
        ("train --steps 1.5", "--steps 1.5: give a whole number"),
        ("train --tau high", "--tau high: give a number"),
        ("train --steps --seed 1", "--steps: give a value after it"),
        ("train extra", "extra: a word too many"),
        ("train --gradient-checkpointing 3", "3: a word too many"),
        ("publish a b c", "c: a word too many"),
        ("build photos --target 1 2", "--target 1 2: give 4 values"),
        ("figures --parts hand hnd", "--parts hand hnd: no such choice; did you mean hand?"),
        ("recipes flx", "flx: no such choice; did you mean flux"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("asap: ") and told in shown and shown.count("\n") == 1


@pytest.mark.parametrize("stage", sorted(cli.STAGES))
def test_a_mistyped_option_of_any_stage_is_told_the_nearest(stage: str) -> None:
    module = importlib.import_module(cli.STAGES[stage][0])
    flags = (s.flag for s in settings_of(module.Config).values() if not s.positional and len(s.name) > 2)
    flag = next(flags, "--config")  # which every stage has
    with pytest.raises(
        UserError, match=f"{flag[:-1]}x: no such option of `asap {stage}`; did you mean.*{flag}"
    ):
        module.main([f"{flag[:-1]}x", "1"])


@pytest.mark.parametrize(
    ("line", "lacking"),
    [
        ("train --tau -0.5", "--model and --data and --out"),
        ("train --tau=-.5 --out run --model m", "--data; give it"),
        ("build --exclude a b --", "PHOTOS and --out"),
        ("report", "JUDGEMENTS and --out"),
        ("report a b", "--out; give it"),
    ],
)
def test_what_is_required_is_asked_for_in_one_line(
    line: str, lacking: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which also says that the rest of the line is no mistake."""
    assert cli.main(line.split()) == 2
    shown = capsys.readouterr().err
    assert f"`asap {line.split()[0]}` lacks {lacking}" in shown and shown.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("--lr", ["--learning-rate"]),
        ("--bs", ["--batch-size"]),
        ("--lora-rank", ["--rank"]),
        ("--train-batch-size", ["--batch-size"]),
        ("--zz", []),
        ("--setps", ["--steps"]),
    ],
)
def test_names_of_other_trainers_find_ours(word: str, found: list[str]) -> None:
    known = [setting.flag for setting in settings_of(train.Config).values()]
    assert nearest(word, [*known, "--help"]) == found


def test_the_help_wraps_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of an option is one paragraph: all lines but its last are nearly full."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    lines = [line.strip("│ \n") for line in capsys.readouterr().out.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("asap: localized"))
    end = next(i for i, line in enumerate(lines) if line.startswith("--steps INT"))
    assert end - start > 5 and all(len(line) > 40 for line in lines[start : end - 1])
