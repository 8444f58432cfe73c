"""What a prompt says that a judge can check, and the atomic questions that it comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asap.bench.haf.vocabulary import GESTURES, PARTS, POSTURES, STATES

LONGEST_VALUE = 6  # words
_COUNTED = {
    "extends": re.compile(r"0 fingers|1 finger|[2-5] fingers"),
    "shows": re.compile(r"1 finger|[2-5] fingers|1 toe|[2-5] toes"),
    "palm": re.compile(r"forward|inward|up|down"),
    "makes": re.compile("|".join(GESTURES)),
}
_CHECK = re.compile(r"(?:(?P<who>.+)'s )?(?P<part>[a-z ]+): (?P<state>.+)")


@dataclass(frozen=True)
class Check:
    """One checkable fact, "the girl's right hand: extends 3 fingers".

    Attributes:
        who: "the girl", "each person", or "" where the picture holds one person.
        part: of `PARTS`.
        state: of `STATES` for that part, or of `POSTURES` for a body.
        value: what follows the state's words, or "".
    """

    who: str
    part: str
    state: str
    value: str


def parse(text: str) -> Check:
    """The check that `text` writes: [WHO's ]PART: STATE[ VALUE].

    Raises:
        ValueError: not of that form, or words that the vocabulary does not know; it says which.
    """
    found = _CHECK.fullmatch(text)
    if not found:
        raise ValueError(f'{text!r} is not of the form "[the girl\'s ]PART: STATE"')
    who, part = found["who"] or "", found["part"]
    if part not in PARTS:
        raise ValueError(f"{text!r}: no part {part!r}; known: {', '.join(PARTS)}")
    state, value = _state(part, found["state"], text)
    _check_value(state, value, text)
    return Check(who, part, state, value)


def _state(part: str, words: str, text: str) -> tuple[str, str]:
    states = _phrases(part)
    for state in sorted(states, key=len, reverse=True):
        if words == state or words.startswith(f"{state} "):
            return state, words[len(state) + 1 :]
    raise ValueError(f"{text!r}: nothing known of {part} begins so; known: {', '.join(states)}")


def _phrases(part: str) -> dict[str, str]:
    """State -> verb phrase, of `part`."""
    kind = PARTS[part][0]
    return STATES[kind] | (POSTURES if kind == "body" else {})


def _check_value(state: str, value: str, text: str) -> None:
    if state in POSTURES:
        allowed = len(value.split()) <= LONGEST_VALUE
    elif any("{}" in states.get(state, "") for states in STATES.values()):
        allowed = 0 < len(value.split()) <= LONGEST_VALUE
    else:
        allowed = not value
    if not allowed or (state in _COUNTED and not _COUNTED[state].fullmatch(value)):
        raise ValueError(f"{text!r}: {state!r} cannot be followed by {value!r}")


def question(check: Check) -> str:
    """A question that yes answers where the fact holds; left and right are the person's own."""
    plural = PARTS[check.part][1]
    subject = "the person" if check.part == "body" else check.part
    if check.part.split()[0] not in ("one", "both") and check.part != "body":
        subject = f"the {subject}"
    phrase = _phrases(check.part)[check.state]
    value = check.value
    if check.state == "makes":
        value = f"{value} ({GESTURES[value]})"
    phrase = phrase.format(value) if "{}" in phrase else f"{phrase} {value}".strip()
    each = " each" if plural and check.state in ("extends", "shows") else ""
    if check.who == "each person":
        return f"Of each person: {_asked(subject, plural, each, phrase)}"
    if check.who:
        subject = check.who if check.part == "body" else f"{subject} of {check.who}"
    asked = _asked(subject, plural, each, phrase)
    return asked[0].upper() + asked[1:]


def _asked(subject: str, plural: bool, each: str, phrase: str) -> str:
    if phrase.startswith("be "):
        return f"{'are' if plural else 'is'} {subject}{each} {phrase[3:]}?"
    return f"{'do' if plural else 'does'} {subject}{each} {phrase}?"


def questions(facts: Mapping[str, Any]) -> list[str]:
    """The atomic questions of a prompt's `facts`: number of people, visible parts, checks, in that order.

    Keys other than "people", "visible" and "checks" are other worlds' and ask nothing.

    Raises:
        ValueError: facts that the vocabulary does not know.
    """
    asked = []
    if "people" in facts:
        count = f"exactly {facts['people']} people" if facts["people"] != 1 else "exactly one person"
        asked.append(f"Does the picture show {count}? A hand or foot shown alone counts as its person.")
    asked += [_seen(str(part)) for part in facts.get("visible", ())]
    return asked + [question(parse(str(check))) for check in facts.get("checks", ())]


def _seen(text: str) -> str:
    who, part = text.rpartition("'s ")[::2]
    if part not in PARTS:
        raise ValueError(f"visible: no part {part!r}; known: {', '.join(PARTS)}")
    whose = {"each person": " of each person", "": ""}.get(who, f" of {who}")
    if part == "body":
        return f"Is the whole body{whose} in the picture, from head to feet?"
    article = "" if part.split()[0] in ("one", "both") else "the "
    verb = "Are" if PARTS[part][1] else "Is"
    return f"{verb} {article}{part}{whose} in the picture, and not cut off by its edge?"


def mistakes(facts: Mapping[str, Any]) -> list[str]:
    """What is wrong with `facts`, a sentence each; empty where every question can be asked."""
    found = []
    people = facts.get("people", 1)
    if not isinstance(people, int) or isinstance(people, bool) or people < 0:
        found.append(f'"people" is {people!r}; give a whole number')
    for name in ("visible", "checks"):
        entries = facts.get(name, [])
        if not isinstance(entries, list):
            found.append(f'"{name}" is {entries!r}; give a list')
            continue
        for entry in entries:
            try:
                questions({name: [entry]})
            except ValueError as error:
                found.append(str(error))
    return found
