"""The reference's errors, made once: the loop then never runs the reference.

They do not change in training, so of every pair K draws of time and noise are fixed by seed, and of each draw
four numbers are kept: mean(e) and mean(M e) of winner and loser. As L_M is linear in alpha, they serve any
objective, alpha, tau, beta and learning rate. The loop then takes a pair's draws in turn; within K epochs it
computes what it would have computed with the reference at its side.

A cache folder holds `config.json` (what it was made from) and `errors-00000.safetensors` and on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from asap import progress, store
from asap.align.draws import Shown, draw
from asap.align.forward import errors_of_both
from asap.align.latents import ALONE, SHARD, CachedPairs, Share
from asap.align.objectives import Errors
from asap.backbones.backbone import Backbone
from asap.errors import UserError

NUMBERS = 4  # of a draw: mean(e) and mean(M e) of the winner, then of the loser


class CachedErrors:
    """Random access to a finished cache of `draws` draws of each pair."""

    def __init__(self, folder: Path, draws: int) -> None:
        self.folder, self.draws = folder, draws
        self._table: Any = cache(lambda shard: _read(_file(folder, shard)))

    def draw_of(self, shown: Shown) -> Shown:
        """What is to be drawn for a pair at its turn: one of the cached draws, each in its turn."""
        return shown._replace(turn=shown.turn % self.draws)

    def errors(self, shown: Sequence[Shown]) -> tuple[Errors, Errors]:
        """The reference's errors on winners and losers, (B,) each, of draws that `draw_of` gave."""
        rows = [self._table(index // SHARD)[index % SHARD, turn] for index, turn in shown]
        winner, winner_region, loser, loser_region = torch.stack(rows).unbind(dim=1)
        return Errors(winner, winner_region), Errors(loser, loser_region)


def prepare(
    backbone: Backbone,
    pairs: CachedPairs,
    *,
    draws: int,
    seed: int,
    batch_size: int = 1,
    share: Share = ALONE,
) -> CachedErrors:
    """Make or continue the cache of `draws` draws of each of `pairs`, beside their latents, and open it.

    `backbone` is the reference: nothing must have been trained into it. Of several processes each makes its
    `share`; the cache can be read when all have returned.

    Raises:
        UserError: a cache that was made from something else, or is damaged.
    """
    made_from = {
        "latents": store.content_id(store.read_config(pairs.folder)["identity"]),
        **{"settings": backbone.settings, "draws": draws, "seed": seed},
    }
    if backbone.quantize != "none":
        made_from["quantize"] = backbone.quantize
    folder = pairs.folder / f"reference-{store.content_id(made_from)[:8]}"
    store.open_run(folder, "reference", made_from)
    shards = range(share.process, -(-len(pairs) // SHARD), share.processes)
    todo = [shard for shard in shards if not _file(folder, shard).exists()]
    bar = progress.bar(
        todo, desc="reference", unit="shard", leave=False, disable=share.process > 0 or not todo
    )
    for shard in bar:
        own = range(shard * SHARD, min((shard + 1) * SHARD, len(pairs)))
        turns = [_turn(backbone, pairs, own, turn, seed, batch_size) for turn in range(draws)]
        table = torch.stack(turns, dim=1).contiguous()
        store.write_atomic(_file(folder, shard), save({"errors": table}))
    return CachedErrors(folder, draws)


@torch.no_grad()
def _turn(
    backbone: Backbone, pairs: CachedPairs, own: Sequence[int], turn: int, seed: int, batch_size: int
) -> Tensor:
    """The numbers (len(own), NUMBERS) of one draw of each pair in `own`."""
    table = torch.empty(len(own), NUMBERS)
    for start in range(0, len(own), batch_size):
        for places, batch in pairs.groups(own[start : start + batch_size]):
            batch = batch.to(torch.device(backbone.device))
            t, eps = draw(backbone, batch.winner, seed, [Shown(own[start + i], turn) for i in places])
            winner, loser = errors_of_both(backbone, batch, t, eps)
            table[[start + i for i in places]] = torch.stack([*winner, *loser], dim=1).cpu()
    return table


def _file(folder: Path, shard: int) -> Path:
    return folder / f"errors-{shard:05}.safetensors"


def _read(path: Path) -> Tensor:
    try:
        with safe_open(path, framework="pt") as file:
            table: Tensor = file.get_tensor("errors")
            return table
    except (SafetensorError, OSError) as reason:
        raise UserError(f"{path} is damaged ({reason}); delete it and run the stage again") from None
