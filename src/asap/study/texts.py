"""What raters read before they begin, where the study gives no text of its own."""

from __future__ import annotations

from collections.abc import Sequence

from asap.wording import counted

_ALL = """\
Thank you for taking part. You will answer {questions} about pictures of people, one at a time, and say what \
you see. Most of the pictures were made or altered by computer programs. There are no trick questions; \
some questions come twice, and some pictures have plain faults, so that we know how steady the answers are.

Taking part is your choice. You may stop at any time by closing the page, and go on later by the same link. \
We keep your answers and how long each took, under a number and not under your name."""

_RATE = """\
YES OR NO
For each picture, say whether the human body in it is made wrong anywhere: too many or too few fingers, \
arms or legs; parts that are fused, missing or in the wrong place; joints that bend where none are; \
hands, feet or faces that are misshapen.
If it is, mark the worst place, with a click or by drawing a box, and choose the part of the body.
Judge the body alone. Style, blur, odd clothes, an odd scene or a body part that is hidden or cut off by the \
picture's edge are no errors. If you cannot tell, say so: that is an answer too."""

_VOTE = """\
WHICH OF TWO
For each two pictures, say in which the human body is made better. Look at hands, feet, limbs and faces \
before you decide. Which picture you like more does not matter. If both are alike, right or wrong, say so."""

_END = """\
Zoom with the wheel, with two fingers, or with + and −. You can go back and mend an answer. Take the time \
that you need; most people need a few seconds for a question."""


def instructions(rates: bool, votes: bool, counts: Sequence[int]) -> str:
    """The text for a study that asks for ratings, votes or both; `counts` are the questions of each rater."""
    most = counted(max(counts), "question")
    parts = [
        _ALL.format(questions=most if len(set(counts)) == 1 else f"up to {most}"),
        *([_RATE] if rates else []),
        *([_VOTE] if votes else []),
        _END,
    ]
    return "\n\n".join(parts)
