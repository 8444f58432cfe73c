"""A vision-language model as a judge: a service that answers, a protocol that asks, votes over repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from asap.bench.judges.asker import Asker
from asap.bench.judges.asking import asking, service_of
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.parallel import results
from asap.bench.judges.protocols.majority import majority
from asap.bench.judges.protocols.protocol import PROTOCOLS, Finding, JudgingProtocol
from asap.bench.judges.protocols.seen import DamagedError, Seen
from asap.bench.judges.settings import Options
from asap.lookup import choose
from asap.records import Judgement, Sample


class VLM:
    """Asks a model about each image and derives the verdict from its answers."""

    name = "vlm"

    def __init__(self, options: Options, out: Path) -> None:
        """The judge whose answers and costs are kept in the folder `out`, which it does not make.

        Raises:
            UserError: a setting that has no such value, or a service that is not told well.
        """
        self.options, self.out = options, out
        self.protocol: JudgingProtocol = choose(PROTOCOLS, options.protocol, "protocol")()
        self.service = service_of(options, options.repeats)

    @property
    def settings(self) -> Mapping[str, object]:
        asked = {"protocol": self.protocol.name, "questions": self.protocol.questions}
        return {
            "service": self.service.name,
            **self.service.settings,
            **asked,
            "repeats": self.options.repeats,
        }

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """One judgement per sample in the order in which the answers come.

        Raises:
            UserError: a wrong key or address, nobody who answers there, or a budget that is used up.
        """
        if not samples:  # no reason to load a model
            return
        with asking(self.service, self.options, self.out) as asker:
            tasks = [partial(self._judge, asker, images, sample) for sample in samples]
            yield from results(self.service, tasks)

    def _judge(self, asker: Asker, images: Path, sample: Sample) -> Judgement:
        try:
            seen = Seen.open(images / sample.file_name)
            found = [
                self.protocol.judge(seen, sample, partial(asker.ask, repeat=repeat))
                for repeat in range(self.options.repeats)
            ]
        except DamagedError as error:
            lost = Finding("unscored", reason=NO_IMAGE, evidence={"message": str(error)})
            return _judgement(sample, lost, None)
        return _judgement(sample, *majority(found))


def _judgement(sample: Sample, finding: Finding, confidence: float | None) -> Judgement:
    return Judgement(
        sample.id,
        sample.prompt_id,
        sample.seed,
        sample.category,
        finding.verdict,
        finding.errors,
        finding.reason,
        region=finding.region,
        evidence=finding.evidence,
        mismatch=finding.mismatch,
        confidence=confidence,
    )
