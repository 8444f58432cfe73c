"""A command line, walked before it is parsed, so that a mistake in it is told in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from asap.command.nearest import did_you_mean
from asap.command.settings import Setting
from asap.errors import UserError

COMMON = ("--config", "--print-config", "--help")
"""What every stage takes beside its settings."""


class Named(NamedTuple):
    """A setting in a command line: its flag as it was written, and the words of its value."""

    setting: Setting
    written: str
    words: list[str]


def check(argv: Sequence[str], settings: Mapping[str, Setting], stage: str) -> set[str]:
    """The names of the settings that `argv` gives.

    Raises:
        UserError: a flag that is none of `stage`, a word too many, or a value that its setting cannot have;
            with the nearest name.
    """
    named, loose = _walked(argv, settings, stage)
    for setting, written, words in named:
        if not words and setting.hint is not bool and setting.many is not None:
            raise UserError(f"{written}: give a value after it, or see `asap {stage} --help`")
        if setting.hint is not bool:
            _check_value(setting, written, words)
    return {setting.name for setting, _, _ in named} | _check_loose(loose, settings, stage)


def told_missing(lacking: Sequence[Setting], stage: str) -> str:
    """What to say of required settings that nothing gives."""
    names = [one.name.upper() if one.positional else one.flag for one in lacking]
    known = f"`asap {stage} --help` says what {'they are' if len(names) > 1 else 'it is'}"
    return f"`asap {stage}` lacks {' and '.join(names)}; give {'them' if len(names) > 1 else 'it'} ({known})"


def _check_value(setting: Setting, written: str, words: Sequence[str]) -> None:
    try:
        setting.value(words)
    except ValueError as error:
        raise UserError(f"{' '.join([written, *words]).strip()}: {error}") from None


def _check_loose(words: Sequence[str], settings: Mapping[str, Setting], stage: str) -> set[str]:
    """Of words that no flag takes, each of a setting that is given without one: the names of these."""
    left, given = list(words), set()
    for setting in (setting for setting in settings.values() if setting.positional):
        own, left = left[: setting.many], left[len(left[: setting.many]) :]
        if own:
            _check_value(setting, "", own)
            given.add(setting.name)
    if left:
        raise UserError(f"{left[0]}: a word too many; `asap {stage} --help` shows what it takes")
    return given


def _walked(
    argv: Sequence[str], settings: Mapping[str, Setting], stage: str
) -> tuple[list[Named], list[str]]:
    """The settings named in `argv`, and the words that belong to none of them."""
    known = {setting.flag: setting for setting in settings.values() if not setting.positional}
    known |= {f"--no-{flag[2:]}": setting for flag, setting in known.items() if setting.hint is bool}
    named: list[Named] = []
    loose: list[str] = []
    place = 0
    while place < len(argv):
        word, place = argv[place], place + 1
        if word == "--":
            return named, [*loose, *argv[place:]]
        if not is_flag(word):
            loose.append(word)
            continue
        written, attached, value = word.partition("=")
        flag = written.replace("_", "-")
        if flag in COMMON:
            continue
        if flag not in known:
            hint = did_you_mean(flag, [*known, *COMMON]) or f"; see `asap {stage} --help`"
            raise UserError(f"{written}: no such option of `asap {stage}`{hint}")
        words = [] if attached else _values(argv[place:], known[flag])
        place += len(words)
        named.append(Named(known[flag], written, [value] if attached else words))
    return named, loose


def is_flag(word: str) -> bool:
    """Whether `word` names an option, where a negative number or a lone dash does not."""
    return word.startswith("--") and word[2:3].isalpha()


def _values(following: Sequence[str], setting: Setting) -> list[str]:
    words: list[str] = []
    for word in following[: 0 if setting.hint is bool else setting.many]:
        if is_flag(word) or word == "--":
            break
        words.append(word)
    return words
