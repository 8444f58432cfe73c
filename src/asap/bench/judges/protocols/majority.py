"""Several repeats of the same questions about one image, and what most of them say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from asap.bench.judges.protocols.protocol import Finding

NO_MAJORITY = "no majority"
"""The reason of an image of whose repeats not more than half agree."""


def majority(findings: Sequence[Finding]) -> tuple[Finding, float | None]:
    """What more than half of `findings`, one for each repeat, say, and the share that says so.

    Repeats agree by verdict; unscored ones agree whatever their reason, of which the commonest is told. Of
    the agreeing repeats the errors are those that at least half name (all where none is), region and evidence
    those of the first that has them. A mismatch is one that more than half of all repeats name. Where one
    repeat could not reach the service, the whole is unreachable, so that it is asked again. One finding alone
    is returned as it is, without a share.
    """
    if len(findings) == 1:
        return findings[0], None
    lost = next((one for one in findings if one.reason == "unreachable"), None)
    if lost is not None:
        return lost, None
    (verdict, count), *_ = Counter(one.verdict for one in findings).most_common(1)
    mismatch = named((one.mismatch for one in findings), least=len(findings) // 2 + 1)
    evidence = {"repeats": [_said(one) for one in findings]}
    if 2 * count <= len(findings):
        return Finding("unscored", reason=NO_MAJORITY, mismatch=mismatch, evidence=evidence), None
    agreeing = [one for one in findings if one.verdict == verdict]
    errors = named((one.errors for one in agreeing), least=(count + 1) // 2)
    first = next((one for one in agreeing if one.region), agreeing[0])
    reason = Counter(one.reason for one in agreeing).most_common(1)[0][0]
    told = replace(
        first,
        errors=errors or tuple(sorted({error for one in agreeing for error in one.errors})),
        reason=reason,
        mismatch=mismatch,
        evidence={**first.evidence, **evidence},
    )
    return told, count / len(findings)


def named(names: Iterable[Sequence[str]], least: int) -> tuple[str, ...]:
    """The names that stand in at least `least` of the lists, sorted."""
    counts = Counter(name for one in names for name in set(one))
    return tuple(sorted(name for name, count in counts.items() if count >= least))


def _said(finding: Finding) -> dict[str, object]:
    return {"verdict": finding.verdict, "reason": finding.reason, "errors": list(finding.errors)}
