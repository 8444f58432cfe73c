"""Whether a report can be trusted: each reason for it, against it, or unknown, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from asap.bench.page import Check
from asap.bench.report import known_errors
from asap.bench.report.headline import Contest, Outcome, ranked, rises
from asap.bench.report.second import Judged
from asap.bench.results import Method, judge_of
from asap.bench.statistics import FEWEST
from asap.bench.wording import percent, points
from asap.wording import counted

INFORMED = 0.5  # sensitivity + specificity - 1 below which a judge says little of a single image
AGREEING = 0.4  # kappa below which two judges hardly agree (Landis and Koch 1977: "fair" at most)
RELIABLE = 0.8  # the share of checks, or of known pictures, below which raters say little
MANY = 0.02  # the share of images without a verdict from which on a reader should know


def checks(
    methods: Sequence[Method],
    found: Sequence[Outcome],
    told: Sequence[str],
    others: Sequence[Judged],
    last: Contest | None,
    voted: Sequence[Check] = (),
) -> list[Check]:
    """The sentences, what speaks against first.

    Args:
        told: cautions, where models were not treated alike.
        others: the same images by a second judge.
        last: the two lowest rates against each other.
        voted: what there is to say of votes.
    """
    parts = [
        _judge(methods[0]),
        *_raters(methods[0]),
        *_second(others),
        *_unscored(found),
        *_reach(found),
        *_next(last),
    ]
    parts += voted
    parts += [Check("bad", text) for text in told] or _alike(methods)
    parts += [_more(outcome) for outcome in found[1:] if rises(outcome)]
    order = {"bad": 0, "open": 1, "good": 2}
    return sorted(parts, key=lambda check: order[check.kind])


def _judge(base: Method) -> Check:
    judge, _ = judge_of(base)
    known = known_errors.known(base)
    if known is None:
        return Check(
            "open",
            f"How often the judge “{judge}” is wrong has not been measured, so that its rates may be too "
            "high or too low, and differences smaller than they look.",
        )
    trusted = known.alike and known.tally.sensitivity + known.tally.specificity - 1 >= INFORMED
    return Check("good" if trusted else "bad", known_errors.told(judge, known))


def _raters(base: Method) -> list[Check]:
    """Where people judged: their checks, what they said where the truth is known, and how far they agree."""
    found = base.judged.get("raters")
    if not found:
        return []
    (passed, checks), (right, golds) = found["attention"], found["gold"]
    alpha = found["agreement"] and found["agreement"]["krippendorff_alpha"]
    told = [
        *([f"passed {passed} of {counted(checks, 'attention check')}"] if checks else ()),
        *([f"were right on {right} of {counted(golds, 'picture')} whose truth is known"] if golds else ()),
        *([f"agree with a Krippendorff's alpha of {alpha:.2f}"] if alpha is not None else ()),
    ]
    if not told:
        return [
            Check("open", "Nothing tells how reliable the raters are: no checks, no picture seen by two.")
        ]
    poor = passed < RELIABLE * checks or right < RELIABLE * golds or (alpha is not None and alpha < AGREEING)
    return [Check("bad" if poor else "good", f"{counted(found['raters'], 'rater')}: they {', '.join(told)}.")]


def _second(others: Sequence[Judged]) -> list[Check]:
    if not others:
        return [Check("open", "No second judge has seen the images.")]
    worst = min(
        (judged.agreement for judged in others), key=lambda found: (found.kappa != found.kappa, found.kappa)
    )
    kappa = f" (kappa {worst.kappa:.2f})" if worst.kappa == worst.kappa else ""
    text = (
        f"A second judge: on the {counted(worst.total, 'image')} that both scored they differ on up to "
        f"{percent(worst.differing)}{kappa}."
    )
    compared = [judged.versus for judged in others if all(judged.versus)]
    apart = [pair for pair in compared if len({v is not None and v.better for v in pair}) > 1]
    if apart:
        return [Check("bad", f"{text} They do not find the same models better than the base.")]
    kind: Literal["good", "bad"] = "bad" if worst.kappa < AGREEING else "good"
    if not compared:
        return [Check(kind, text)]
    some = any(one is not None and one.better for one, _ in compared)
    same = "Both find the same models better" if some else "Neither finds any model better"
    return [Check(kind, f"{text} {same} than the base.")]


def _unscored(found: Sequence[Outcome]) -> list[Check]:
    missing = {o.name: 1 - o.rate.scored / o.rate.judged for o in found if o.rate.judged > o.rate.scored}
    many = ", ".join(f"{name} {percent(share)}" for name, share in missing.items() if share >= MANY)
    if many:
        return [Check("bad", f"Images without a verdict are left out, and there are many: {many}.")]
    return [
        Check(
            "good",
            "Every image has a verdict."
            if not missing
            else f"Under {MANY:.0%} of the images have no verdict.",
        )
    ]


def _reach(found: Sequence[Outcome]) -> list[Check]:
    best = next((o for o in ranked(found[1:]) if o.versus), None)
    if best is None or best.versus is None:
        return []
    if best.versus.detectable is None:
        few = f"{counted(best.versus.prompts, 'prompt')}: too few for an interval, which takes {FEWEST}."
        alike = "All prompts change alike, so that there is no interval."
        return [Check("bad", few if best.versus.prompts < FEWEST else alike)]
    reach = points(best.versus.detectable)[1:]
    if best.versus.better:
        return [
            Check(
                "good",
                f"The change of {best.name} is beyond chance; these images find one of {reach} points four "
                "times in five.",
            )
        ]
    text = (
        f"These images show changes of {reach} points or more four times in five; a smaller one may be "
        "there all the same."
    )
    return [Check("bad", text)]


def _next(last: Contest | None) -> list[Check]:
    if last is None or last.versus.better:
        return []
    return [
        Check("bad", f"{last.best} and {last.next} cannot be told apart: which of them is lower is chance.")
    ]


def _alike(methods: Sequence[Method]) -> list[Check]:
    if len(methods) < 2:
        return []
    text = "All models were judged on the same prompts"
    if all(method.made.get("identity") for method in methods):
        return [Check("good", f"{text} and noise, drawn with the same settings.")]
    return [Check("open", f"{text}; how their images were drawn is not known for all.")]


def _more(outcome: Outcome) -> Check:
    told = ", ".join(
        f"{kind} ({c.before} to {counted(c.after, 'image')})" for kind, c in rises(outcome).items()
    )
    return Check("bad", f"{outcome.name} makes more of some errors than the base: {told}.")
