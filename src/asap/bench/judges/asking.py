"""From the settings with which a vision-language model is asked to the service and who asks it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from asap.bench.judges.answers import Answers
from asap.bench.judges.asker import Asker
from asap.bench.judges.meter import Meter, Prices
from asap.bench.judges.services.pace import EvenPace
from asap.bench.judges.services.service import SERVICES, Access, Service, unhurried
from asap.bench.judges.settings import Asking
from asap.errors import UserError
from asap.lookup import check_name, choose

UNUSED = {
    "openai": ("device",),
    "gemini": ("device",),
    "local": ("endpoint", "key_variable", "timeout", "attempts", "requests_per_minute"),
}
"""Of each service, the settings that it does not use."""


REPEATED = 0.7  # temperature of repeats: at 0 they would all say the same


def check(options: Asking, repeats: int = 1) -> None:
    """Raises UserError: a setting that has no such value, or that the service does not use."""
    check_name(SERVICES, options.service, "service")
    for name in UNUSED.get(options.service, ()):
        if getattr(options, name) != _default(name):
            raise UserError(f"{_flag(name)} is not used by --service {options.service}; leave it out")
    for name in ("concurrency", "timeout", "attempts", "requests_per_minute", "budget"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise UserError(f"{_flag(name)} is {value}; give more than 0")
    for name in ("price_in", "price_out", "temperature"):
        value = getattr(options, name)
        if value is not None and not value >= 0:
            raise UserError(f"{_flag(name)} is {value}; give 0 or more")
    if options.budget is not None and not (options.price_in or options.price_out):
        raise UserError("--budget needs --price-in and --price-out, what a million tokens cost")
    _check_repeats(options, repeats)


def _check_repeats(options: Asking, repeats: int) -> None:
    if repeats < 1 or repeats % 2 == 0:
        raise UserError(f"--repeats is {repeats}; give an odd number, so that there can be a majority")
    if repeats > 1 and options.temperature == 0:
        raise UserError(f"--temperature 0 makes all {repeats} repeats alike; leave it out, or give more")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _default(name: str) -> object:
    return next(field.default for field in fields(Asking) if field.name == name)


def service_of(options: Asking, repeats: int = 1) -> Service:
    """The service that `options` name, not yet entered.

    Raises:
        UserError: as `check`, and as the service says.
    """
    check(options, repeats)
    likeliest = 0.0 if repeats == 1 else REPEATED
    access = Access(
        endpoint=options.endpoint,
        model_name=options.model_name,
        key=os.environ.get(options.key_variable, "").strip(),
        concurrency=options.concurrency,
        timeout=options.timeout,
        attempts=options.attempts,
        temperature=likeliest if options.temperature is None else options.temperature,
        device=options.device,
        pace=EvenPace(options.requests_per_minute) if options.requests_per_minute else unhurried,
    )
    service: Service = choose(SERVICES, options.service, "service")(access)
    return service


@contextmanager
def asking(service: Service, options: Asking, out: Path) -> Iterator[Asker]:
    """Inside, `service` can be asked, with the answers that are kept; then what it cost is in `out`."""
    answers = Answers(options.answers or out, out)
    meter = Meter(answers.own(), Prices(options.price_in, options.price_out), options.budget)
    try:
        with service:
            yield Asker(service, answers, meter)
    finally:
        meter.write(out)
