"""The settings of `asap judge` and `asap vote` that say how a vision-language model is asked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Asking:
    """How a vision-language model is reached, paced and paid."""

    service: str = "openai"
    """Who answers: `openai` (any OpenAI-compatible service: vLLM, most hosted models), `gemini` (Gemini's own
    interface), or `local` (a model of transformers in this process)."""
    endpoint: str = ""
    """Base URL of the service, such as http://localhost:8000/v1; gemini: leave it out for its public one."""
    model_name: str = ""
    """The model's name at the service; local: its folder or hub id."""
    key_variable: str = "ASAP_JUDGE_KEY"
    """Environment variable that holds the service's key; unset means no key."""
    device: str = ""
    """local: cpu or cuda; cuda where there is one."""
    temperature: float | None = None
    """Of the model's sampling. Left out: 0, the likeliest answer, or 0.7 where questions are repeated."""
    concurrency: int = 8
    """Requests under way at once."""
    timeout: float = 120.0
    """Seconds until a request is given up."""
    attempts: int = 6
    """Tries of a request, with growing waits, before it counts as unreachable for this run."""
    requests_per_minute: float | None = None
    """Begin no more requests a minute than this, repeated tries too; left out: no limit."""
    price_in: float | None = None
    """What a million tokens in cost, in your currency, to tell what was spent."""
    price_out: float | None = None
    """What a million tokens out cost."""
    budget: float | None = None
    """Stop before a request that may bring what this folder cost in all above this; needs prices. The same
    command with a higher one goes on."""
    answers: Path | None = None
    """Folder in which the model's answers are kept, so that no question is paid for twice; several runs may
    share it. Left out: the folder given by --out."""


@dataclass(frozen=True)
class Options(Asking):
    """For --judge vlm alone."""

    protocol: str = "checklist"
    """What is asked: `checklist` (the whole image, then each person, face and hand cut from it, and whether
    it shows what the prompt says; some six calls an image of one person), `paper` (one question and one
    verdict), or `quick` (one call with a list of all parts)."""
    repeats: int = 1
    """Ask everything so many times, an odd number, and take what more than half of the answers say."""


def given(options: object) -> list[str]:
    """The flags of the settings in the dataclass instance `options` that are not at their default."""
    changed = (f.name for f in fields(options) if getattr(options, f.name) != f.default)  # type: ignore[arg-type]
    return ["--" + name.replace("_", "-") for name in changed]
