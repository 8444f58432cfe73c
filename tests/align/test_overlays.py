"""The page of masks: a mask that lies where the pictures differ is passed, a shifted one is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from asap.align import latents, overlays
from asap.align.cut import Cut
from asap.align.overlays import Placement, choose, placement, write
from asap.backbones.load import load


def test_a_mask_on_the_difference_holds_it_and_a_shifted_one_is_told_where_to_go() -> None:
    winner = torch.randn(4, 16, 20, generator=torch.Generator().manual_seed(0))
    loser, mask = winner.clone(), torch.zeros(16, 20)
    loser[:, 5:9, 6:11] += 1
    mask[5:9, 6:11] = 1
    right = placement(winner, loser, mask)
    assert right.inside == pytest.approx(1) and right.shift == (0, 0) and not right.misaligned
    assert right.area == pytest.approx(20 / 320)
    for down, left in ((4, 3), (-4, -5), (0, 9), (-5, 2)):
        moved = placement(winner, loser, mask.roll((down, left), (0, 1)))
        assert moved.shift == (-down, -left) and moved.best == pytest.approx(1), (down, left)
        assert moved.misaligned


def test_half_a_mask_holds_half() -> None:
    winner, mask = torch.zeros(2, 8, 8), torch.zeros(8, 8)
    loser = winner.clone()
    loser[:, 2:6, 2:6] = 3
    mask[2:6, 2:4] = 1
    assert placement(winner, loser, mask).inside == pytest.approx(0.5)


def test_equal_pictures_are_flagged() -> None:
    same = torch.ones(4, 8, 8)
    assert placement(same, same, torch.ones(8, 8)) == Placement(0, 1, 0, (0, 0))


def test_half_of_the_page_is_the_worst_and_the_rest_is_spread() -> None:
    shares = {n: Placement(share, 0.1, 1, (0, 0)) for n, share in enumerate((0.9, 0.2, 1, 0.8, 0.3, 0.7))}
    assert choose(shares, 4) == [1, 4, 5, 0]
    assert choose(shares, 9) == [1, 4, 5, 3, 0, 2]


@pytest.mark.parametrize("name", ["flux", "sdxl", "qwen_image", "mini-hand"])
def test_the_page_marks_the_pair_whose_mask_was_shifted_on_purpose(
    name: str,
    tiny_family: Callable[[str], Path],
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "mini-hand":
        monkeypatch.setattr("asap.backbones.mini.Mini.condition", lambda self, p: {"e": torch.zeros(1, 1)})
    backbone = load(name if name == "mini-hand" else str(tiny_family(name)))
    cache = latents.prepare(backbone, str(pairs), tmp_path / "cache", Cut(32, 1))
    page = tmp_path / overlays.PAGE
    assert write(page, backbone, cache, str(pairs), 4) == []
    assert page.read_text().count("<article>") == 4 and "In all 6 pairs" in page.read_text()

    file = next((tmp_path / "cache").glob("pairs-*"))
    tensors = load_file(file)
    shift(tensors, 2)
    save_file(tensors, file)
    again = latents.CachedPairs(tmp_path / "cache", 6)
    assert write(page, backbone, again, str(pairs), 4) == [2]
    text = page.read_text()
    assert text.count('<article class="bad">') == 1 and "Moved by" in text and "Pair 2, " in text
    assert "1 of the 6 pairs looked at" in " ".join(text.split())
    assert "http" not in text.replace("http-equiv", "")


def shift(tensors: dict[str, torch.Tensor], number: int) -> None:
    """Turn the mask of a pair around the middle, which moves those of `pairs` away from their place."""
    weight = tensors["weight"][number] if "weight" in tensors else tensors[f"weight.{number}"]
    weight.copy_(weight.flip(0, 1))
