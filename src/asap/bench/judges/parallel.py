"""As many tasks at once as a service takes, their results as they come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol, TypeVar

from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.services.service import Service
from asap.errors import UserError

PROBED = 8  # tasks, at least, after which a service that never answered is given up


class Told(Protocol):
    """A judgement or a vote: why it is none, if so, and what there is to show."""

    @property
    def reason(self) -> str: ...

    @property
    def evidence(self) -> Mapping[str, Any]: ...


T = TypeVar("T", bound=Told)


def results(service: Service, tasks: Collection[Callable[[], T]]) -> Iterator[T]:
    """What each of `tasks` returns, in the order in which they end.

    When that ends early, by an error or because no more is asked for, waits are given up, requests under way
    come to their end, and no other begins.

    Raises:
        UserError: what a task raises, or a service that is reached for none of the first.
    """
    with ThreadPoolExecutor(service.concurrency) as pool:
        under_way = [pool.submit(task) for task in tasks]
        try:
            done = (future.result() for future in as_completed(under_way))
            yield from while_answered(done, max(PROBED, service.concurrency), service.place)
        finally:
            service.stop()
            pool.shutdown(wait=False, cancel_futures=True)


def while_answered(found: Iterable[T], limit: int, place: str) -> Iterator[T]:
    """`found`, until `limit` of them are through and the service was reached for none.

    Raises:
        UserError: then.
    """
    answered, lost = False, 0
    for one in found:
        yield one
        lost += one.reason == "unreachable"
        answered = answered or one.reason not in ("unreachable", NO_IMAGE)
        if lost >= limit and not answered:
            reason = one.evidence.get("message")
            raise UserError(f"{place} answered for none of the first {lost} images ({reason}); mend that")
