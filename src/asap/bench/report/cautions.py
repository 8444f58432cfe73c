"""What a reader must know before comparing the models of a report: where they were not treated alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from asap.bench.results import Method, shared
from asap.store import Row

DECISIVE = ("steps", "guidance", "size")  # settings of `asap generate` beside the backbone's own


def cautions(methods: Sequence[Method]) -> list[str]:
    """One sentence for everything that was unequal; none where all models had the same chances."""
    found = (_other_images(methods), _other_settings(methods), _other_options(methods))
    return [text for text in found if text]


def _other_images(methods: Sequence[Method]) -> str:
    counts = [len(method.judgements) for method in methods]
    common = len(shared(methods))
    if all(count == common for count in counts):
        return ""
    each = ", ".join(f"{method.name} {count}" for method, count in zip(methods, counts, strict=True))
    return (
        f"The models were not judged on the same prompts and seeds ({each}; {common} are common to all). "
        "Compare the rates on the common ones."
    )


def _other_settings(methods: Sequence[Method]) -> str:
    known = [(method.name, _settings(method.made)) for method in methods if method.made.get("identity")]
    names = dict.fromkeys(name for _, settings in known for name in settings)
    unequal = [name for name in names if len({str(settings.get(name)) for _, settings in known}) > 1]
    if not unequal:
        return ""
    told = (f"{name} ({', '.join(f'{m}: {_told(s.get(name))}' for m, s in known)})" for name in unequal)
    return f"The images were made with unequal settings, which may explain a difference: {'; '.join(told)}."


def _other_options(methods: Sequence[Method]) -> str:
    """Of a judge that asks a service: whether all images were asked about with the same options."""
    counts = {method.name: _options(method) for method in methods}
    if len({options for counted in counts.values() for options in counted}) < 2:
        return ""
    told = (
        f"{name}: {', '.join(f'{n} with {options}' for options, n in sorted(counted.items()))}"
        for name, counted in counts.items()
    )
    return (
        "The judge's service did not take the same options for all images, which may shift its verdicts "
        f"({'; '.join(told)})."
    )


def _options(method: Method) -> Counter[str]:
    asked = (j.evidence["options"] for j in method.judgements.values() if "options" in j.evidence)
    return Counter(" and ".join(map(str, options)) or "none" for options in asked)


def _settings(made: Row) -> Row:
    identity = made["identity"]
    family = {f"model {name}": value for name, value in (identity.get("backbone") or {}).items()}
    return {**{name: identity.get(name) for name in DECISIVE}, **family}


def _told(value: object) -> str:
    return "the model's own" if value is None else str(value).removeprefix("torch.")
