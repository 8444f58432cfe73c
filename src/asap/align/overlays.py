"""Before training: a page of pairs as the model will see them, with their masks, to find misaligned ones.

A number goes with each pair: the share of the squared difference between winner and loser latents that lies
inside the mask. Outside it the pictures are equal, so a well placed mask holds nearly all of it; a VAE's
receptive field carries a little beyond its edge.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from asap import __version__, store
from asap.align import dataset, latents
from asap.backbones.backbone import Backbone
from asap.records import Image

PAGE = "overlays.html"
LOOKED_AT = 64  # pairs whose latents are measured; a few of them are shown
LOW = 0.5  # a mask that holds less of the difference is misaligned
SIDE = 256  # pixels a side of a picture in the page
TINT = np.array([255, 64, 160])


class Placement(NamedTuple):
    """How a mask lies on a difference.

    Attributes:
        inside: share of the squared difference inside the mask; 0 where there is no difference.
        area: share of the latent grid that the mask covers.
        best: share that it would hold if it was moved by `shift`.
        shift: positions (down, right), the move that would hold most.
    """

    inside: float
    area: float
    best: float
    shift: tuple[int, int]

    @property
    def misaligned(self) -> bool:
        """Whether most of the difference lies outside."""
        return self.inside < LOW


def placement(winner: Tensor, loser: Tensor, weight: Tensor) -> Placement:
    """Where the difference of two latents (C, h, w) lies against the mask `weight` (h, w)."""
    energy, mask = (loser - winner).double().square().sum(dim=0), (weight > 0).double()
    total, area = energy.sum().item(), mask.mean().item()
    if total == 0:
        return Placement(0.0, area, 0.0, (0, 0))
    shares = _moved(energy, mask) / total
    height, width = shares.shape
    found = int(shares.argmax())
    # the table wraps around: its second half are moves up and left
    down, right = (int(n) - size * (n > size // 2) for n, size in zip(divmod(found, width), (height, width)))
    return Placement(shares[0, 0].item(), area, shares.flatten()[found].item(), (down, right))


def _moved(energy: Tensor, mask: Tensor) -> Tensor:
    """The energy inside the mask for each move of it, (2 h, 2 w): a correlation, padded with nothing."""
    size = [2 * side for side in energy.shape]
    product = torch.fft.rfft2(energy, s=size) * torch.fft.rfft2(mask, s=size).conj()
    table: Tensor = torch.fft.irfft2(product, s=size).clamp(min=0)
    return table


@dataclass(frozen=True)
class Shown:
    """A pair of the page: its number, id and caption, its placement, and its pictures by name."""

    number: int
    id: str
    prompt: str
    placement: Placement
    pictures: Sequence[tuple[str, str]]


def show(out: Path, backbone: Backbone, pairs: latents.CachedPairs, data: str, count: int) -> None:
    """Write the page into `out` unless it is there, `count` is 0, or the dataset has no masks; a word on
    stderr where masks are misaligned."""
    path = out / PAGE
    if not count or path.exists() or not pairs.batch([0]).weight.any():
        return
    misaligned = write(path, backbone, pairs, data, count)
    if misaligned:
        print(
            f"asap: {len(misaligned)} masks do not lie where their pictures differ (pairs "
            f"{', '.join(map(str, misaligned[:5]))}); look at {path}, and stop this run if it is so",
            file=sys.stderr,
        )


def write(path: Path, backbone: Backbone, pairs: latents.CachedPairs, data: str, count: int) -> list[int]:
    """Write the page of `count` of `pairs`, which were made of the dataset `data`.

    Of `LOOKED_AT` pairs, evenly spaced, half of those shown are the ones whose masks hold least. Returns the
    numbers of all misaligned ones among them.
    """
    looked_at = spaced(range(len(pairs)), LOOKED_AT)
    placements = {number: _placement(pairs, number) for number in looked_at}
    chosen = choose(placements, count)
    names = _names(data, chosen)
    shown = [
        Shown(number, *names[number], placements[number], _pictures(backbone, pairs, number))
        for number in chosen
    ]
    misaligned = [number for number in looked_at if placements[number].misaligned]
    store.write_atomic(path, _render(shown, len(looked_at), len(misaligned), len(pairs), data))
    return misaligned


def spaced(numbers: Sequence[int], count: int) -> list[int]:
    """`count` of `numbers`, evenly spaced; all where they are no more."""
    if len(numbers) <= count:
        return list(numbers)
    return [numbers[i * len(numbers) // count] for i in range(count)]


def choose(placements: dict[int, Placement], count: int) -> list[int]:
    """`count` numbers: the half with the least inside, then the rest evenly spaced, in order of the share."""
    order = sorted(placements, key=lambda number: placements[number].inside)
    worst = order[: (count + 1) // 2]
    return worst + spaced(order[len(worst) :], count - len(worst))


def _placement(pairs: latents.CachedPairs, number: int) -> Placement:
    batch = pairs.batch([number])
    return placement(batch.winner[0], batch.loser[0], batch.weight[0])


def _names(data: str, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Id and caption of the pairs `numbers`."""
    rows = dataset.opened(data, masks=False).select_columns(["id", "prompt"])
    found = enumerate(islice(rows, max(numbers) + 1))
    return {number: (str(row["id"]), str(row["prompt"])) for number, row in found if number in set(numbers)}


def _pictures(backbone: Backbone, pairs: latents.CachedPairs, number: int) -> list[tuple[str, str]]:
    batch = pairs.batch([number]).to(torch.device(backbone.device))
    winner, loser = (_picture(backbone.decode(z)[0]) for z in (batch.winner, batch.loser))
    mask = (batch.weight[0] > 0).cpu().numpy()
    change = (batch.loser - batch.winner)[0].abs().mean(dim=0).cpu().numpy()
    drawn = (
        ("good", winner),
        ("faulty", loser),
        ("mask on the faulty one", masked(loser, mask)),
        ("difference of the latents", outlined(_heat(change), mask)),
    )
    return [(name, _url(picture)) for name, picture in drawn]


def _picture(image: Tensor) -> Image:
    """(3, H, W) in [-1, 1] as 8-bit pixels, its longer side `SIDE` pixels or, where it is small, enlarged."""
    pixels = ((image.cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return _sized(pixels)


def _sized(pixels: NDArray[Any]) -> Image:
    scale = SIDE / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    how = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)


def masked(picture: Image, mask: NDArray[np.bool_]) -> Image:
    """`picture` with the positions of `mask` (h, w) tinted and outlined."""
    large = _enlarged(mask, picture)
    tinted = np.where(large[..., None], 0.55 * picture + 0.45 * TINT, picture).astype(np.uint8)
    return outlined(tinted, mask)


def outlined(picture: Image, mask: NDArray[np.bool_]) -> Image:
    """`picture` with the edge of `mask` (h, w) drawn on it."""
    contours, _ = cv2.findContours(
        _enlarged(mask, picture).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    drawn = cv2.drawContours(np.ascontiguousarray(picture), contours, -1, TINT.tolist(), 2)
    return np.asarray(drawn, dtype=np.uint8)


def _enlarged(mask: NDArray[np.bool_], picture: Image) -> NDArray[np.bool_]:
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0


def _heat(change: NDArray[np.float32]) -> Image:
    """A map (h, w) from black over violet to yellow, its largest value brightest."""
    scaled = np.clip(change / max(float(change.max()), 1e-12) * 255, 0, 255).astype(np.uint8)
    coloured = cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO)
    return _sized(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB))


def _url(picture: Image) -> str:
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _render(shown: Sequence[Shown], looked_at: int, misaligned: int, total: int, data: str) -> str:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("overlays.html").render(
        shown=shown, looked_at=looked_at, misaligned=misaligned, total=total, data=data, low=LOW,
        version=__version__,
    )  # fmt: skip
