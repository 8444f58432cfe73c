"""The cache of phase II: what the training loop reads instead of running VAE and text encoders.

A cache folder holds `config.json` (what it was made from), `pairs-00000.safetensors` and on (winner and loser
latents, region weights, prompt numbers, of 32 pairs each), `prompts-00000.safetensors` and on (one embedding
per caption), and `kinds.json` (which error each pair shows), where the dataset says it.
Every file is written whole or not at all, so an interrupted cache continues where it stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from asap import progress, store
from asap.align import dataset, kinds, masks, room
from asap.align.cut import Cut, fit, latent_mask, scale_to
from asap.backbones import load
from asap.backbones.backbone import Backbone, Condition
from asap.errors import UserError
from asap.records import Image, Mask

SHARD = 32  # pairs, or captions, in a file
LAYOUT = 2  # how the files are laid out; caches of another layout are refused
ENLARGED = 1.05  # times; by less nobody sees it


class Batch(NamedTuple):
    """Winner and loser latents (B, C, h, w), region weight M (B, h, w), and the condition (B first)."""

    winner: Tensor
    loser: Tensor
    weight: Tensor
    condition: Condition

    def to(self, device: torch.device) -> Batch:
        """The batch on `device`."""
        moved = {name: tensor.to(device) for name, tensor in self.condition.items()}
        return Batch(self.winner.to(device), self.loser.to(device), self.weight.to(device), moved)


class CachedPairs:
    """Random access to a finished cache; files are memory-mapped, so memory does not grow with the data."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self._open: Any = cache(lambda name: safe_open(folder / name, framework="pt"))
        self._names: Any = cache(self._fields)

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: Sequence[int]) -> Batch:
        """The pairs at `indices`, each in [0, len); all of one size."""
        rows = [self._row("pairs", index) for index in indices]
        prompts = [self._row("prompts", int(row.pop("prompt"))) for row in rows]
        fields = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        condition = {name: torch.stack([row[name] for row in prompts]) for name in prompts[0]}
        winner, loser, weight = (fields.pop(name) for name in ("winner", "loser", "weight"))
        return Batch(winner, loser, weight, condition | fields)

    def groups(self, indices: Sequence[int]) -> Iterator[tuple[list[int], Batch]]:
        """The pairs at `indices` in batches of one size each, and the places in `indices` that each has."""
        places: dict[tuple[int, ...], list[int]] = {}
        for place, index in enumerate(indices):
            places.setdefault(self._size(index), []).append(place)
        for own in places.values():
            yield own, self.batch([indices[place] for place in own])

    def _size(self, index: int) -> tuple[int, ...]:
        file = self._open(f"pairs-{index // SHARD:05}.safetensors")
        return tuple(file.get_slice(f"winner.{index % SHARD}").get_shape())

    def _row(self, kind: str, index: int) -> dict[str, Tensor]:
        file, row = self._open(f"{kind}-{index // SHARD:05}.safetensors"), index % SHARD
        return {name: file.get_tensor(f"{name}.{row}") for name in self._names(kind)}

    def _fields(self, kind: str) -> list[str]:
        """What every row of this kind has."""
        keys = self._open(f"{kind}-00000.safetensors").keys()
        return sorted({key.rpartition(".")[0] for key in keys})


class Share(NamedTuple):
    """Which of the files a process makes: those whose number leaves `process` when divided by `processes`."""

    process: int
    processes: int


ALONE = Share(0, 1)


def prepare(
    backbone: Backbone, data: str, folder: Path, cut: Cut, share: Share = ALONE, *, masked: bool = True
) -> CachedPairs:
    """Build or continue the cache of the HAP dataset `data` for `backbone` in `folder`, and open it.

    Of several processes each makes its `share`; the cache can be read when all have returned. Images are
    scaled to cover what they are cut to, and cut around the region; the region's mask is reduced to the
    latent grid. Unless they have to be `masked`, pairs may lack masks: their M is 0 everywhere.

    Raises:
        UserError: no dataset there, missing columns, a resolution the model cannot take, or a cache that
            was made from something else.
    """
    backbone.check_size(cut.resolution, "--resolution")
    rows = dataset.opened(data, masks=masked)
    keys = list(rows.select_columns(["id", "prompt", *kinds.columns(rows)]))
    if not keys:
        raise UserError(f"{data} holds no pairs")
    store.open_run(folder, "latents", identity(backbone, data, cut))
    if share.process == 0 and kinds.columns(rows):
        kinds.write(folder, kinds.kinds_of(keys))
    missing = SHARD * len(_todo(folder, "pairs", len(keys), ALONE))
    room.check(folder, room.of_latents(backbone, missing, cut), "the latents of its pairs")
    if share.process == 0 and missing and "mask" in (rows.column_names or dataset.COLUMNS):
        masks.check(rows, data, len(keys))
    prompts = sorted({row["prompt"] for row in keys})
    _cache_prompts(backbone, prompts, folder, share)
    numbers = {prompt: i for i, prompt in enumerate(prompts)}
    scales: list[float] = []
    for shard, chunk in _shards(rows, _todo(folder, "pairs", len(keys), share), share):
        parts = [_encode(backbone, row, numbers, cut, scales) for row in chunk]
        _save(folder / f"pairs-{shard:05}.safetensors", parts)
    _tell_enlarged(scales, cut.resolution)
    return CachedPairs(folder, len(keys))


def identity(backbone: Backbone, data: str, cut: Cut) -> store.Row:
    """What decides a cache."""
    return {
        "model": backbone.source, "family": backbone.name, "settings": backbone.settings,
        "data": dataset.identity(data), "weights": load.weights_id(backbone),
        "parts": load.parts_id(backbone), **cut._asdict(), "layout": LAYOUT,
    }  # fmt: skip


def _tell_enlarged(scales: Sequence[float], resolution: int) -> None:
    """A word on pictures that are smaller than what the model will see: enlarged, they are soft."""
    large = sorted(scale for scale in scales if scale > ENLARGED)
    if large:
        print(
            f"{len(large)} of {len(scales)} pairs are enlarged for {resolution} pixels, "
            f"half of them {large[len(large) // 2]:.2f} times or more; `asap build` with a larger --size, or "
            "a smaller --resolution here, keeps them sharp",
            file=sys.stderr,
        )


def _todo(folder: Path, kind: str, count: int, share: Share) -> list[int]:
    shards = range(share.process, -(-count // SHARD), share.processes)
    return [s for s in shards if not (folder / f"{kind}-{s:05}.safetensors").exists()]


def _bar(todo: Sequence[int], share: Share, name: str) -> Any:
    return progress.bar(todo, desc=name, unit="shard", leave=False, disable=share.process > 0 or not todo)


def _cache_prompts(backbone: Backbone, prompts: Sequence[str], folder: Path, share: Share) -> None:
    for shard in _bar(_todo(folder, "prompts", len(prompts), share), share, "captions"):
        chunk = prompts[shard * SHARD : (shard + 1) * SHARD]
        parts = [backbone.condition([prompt]) for prompt in chunk[:1]]
        room.check(folder, room.of_caption(parts[0]) * (len(prompts) - shard * SHARD), "its captions")
        parts += [backbone.condition([prompt]) for prompt in chunk[1:]]
        _save(folder / f"prompts-{shard:05}.safetensors", [_first(part) for part in parts])


def _shards(rows: Any, todo: Sequence[int], share: Share) -> Iterator[tuple[int, Iterable[Any]]]:
    """The rows of each shard in `todo`, in one pass; the pictures of others are not decoded."""
    position, remaining = 0, iter(())
    for shard in _bar(todo, share, "latents"):
        if position == 0:
            position = shard * SHARD
            remaining = iter(rows.skip(position).decode(False))
        skipped = islice(remaining, shard * SHARD - position, None)
        yield shard, list(islice(skipped, SHARD))
        position = (shard + 1) * SHARD


def _encode(
    backbone: Backbone, row: Any, numbers: dict[str, int], cut: Cut, scales: list[float]
) -> dict[str, Tensor]:
    chosen, rejected, mask = _pictures(row)
    sides = cut.sides(mask.shape, backbone.size_multiple)
    scales.append(scale_to(sides, mask.shape))
    chosen, rejected, mask, frame = fit(chosen, rejected, mask, sides)
    winner, loser = backbone.encode(torch.stack([_tensor(chosen), _tensor(rejected)])).cpu()
    weight = latent_mask(mask, backbone.latent_factor, cut.mask_dilation)
    number = torch.tensor(numbers[row["prompt"]])
    fields = {"winner": winner.clone(), "loser": loser.clone(), "weight": weight, "prompt": number}
    return fields | _first(backbone.framing([frame]))


def _pictures(row: Any) -> tuple[Image, Image, Mask]:
    """Both pictures and the region, which is empty where the dataset knows none."""
    chosen, rejected = (decoded(row[name], "RGB") for name in ("chosen", "rejected"))
    if "mask" not in row:
        if chosen.shape != rejected.shape:
            raise UserError(f"pair {row['id']}: chosen and rejected differ in size")
        return chosen, rejected, np.zeros(chosen.shape[:2], dtype=bool)
    mask = decoded(row["mask"], "L") > 127
    if not (chosen.shape == rejected.shape and chosen.shape[:2] == mask.shape):
        raise UserError(f"pair {row['id']}: chosen, rejected and mask differ in size")
    if not mask.any():
        raise UserError(f"pair {row['id']}: its mask is empty, so there is no region to align; drop the row")
    return chosen, rejected, mask


def decoded(picture: Any, mode: str) -> Image:
    import datasets

    return np.asarray(datasets.Image().decode_example(picture).convert(mode))


def _tensor(image: Image) -> Tensor:
    return torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)


def _first(fields: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a batch of one."""
    return {name: tensor[0] for name, tensor in fields.items()}


def _save(path: Path, rows: Sequence[dict[str, Tensor]]) -> None:
    """Each row's tensors under names of their own, as rows may differ in size."""
    tensors = {f"{name}.{i}": tensor for i, row in enumerate(rows) for name, tensor in row.items()}
    store.write_atomic(path, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))
