"""What a run makes beforehand, each process its share: the latents of its pairs, the reference's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from accelerate import Accelerator

from asap import store
from asap.align import folder, latents, reference
from asap.align.cut import Cut
from asap.align.names import REGIONLESS
from asap.align.train import Config
from asap.backbones.backbone import Backbone


def cut_of(config: Config, backbone: Backbone) -> Cut:
    """What pictures are cut to; `config` is complete."""
    return Cut(config.resolution or backbone.native_size, config.mask_dilation or 0, config.aspect)


def pairs(config: Config, backbone: Backbone, accelerator: Accelerator) -> latents.CachedPairs:
    """The latents of the pairs. `config` is complete."""
    place = config.cache or config.out / folder.LATENTS
    with _alone_in(place, accelerator):
        found = latents.prepare(
            backbone,
            config.data,
            place,
            cut_of(config, backbone),
            _share(accelerator),
            masked=config.objective not in REGIONLESS,
        )
        accelerator.wait_for_everyone()
    return found


def errors(
    config: Config, backbone: Backbone, found: latents.CachedPairs, accelerator: Accelerator
) -> reference.CachedErrors | None:
    """The reference's errors on the pairs `found`; none where it runs in the loop."""
    if config.reference == "live":
        return None
    with _alone_in(found.folder, accelerator):
        made = reference.prepare(
            backbone,
            found,
            draws=config.draws,
            seed=config.seed,
            batch_size=config.batch_size or 1,
            share=_share(accelerator),
        )
        accelerator.wait_for_everyone()
    return made


@contextmanager
def _alone_in(place: Path, accelerator: Accelerator) -> Iterator[None]:
    """Inside, no other run writes into the cache `place`."""
    with store.exclusive(place) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        yield


def _share(accelerator: Accelerator) -> latents.Share:
    return latents.Share(accelerator.process_index, accelerator.num_processes)
