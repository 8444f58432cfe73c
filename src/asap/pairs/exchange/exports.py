"""`asap export`: a HAP dataset in the forms that other trainers read.

    pick-a-pic     OUT/data/train-*.parquet with jpg_0, jpg_1, label_0 and caption, as diffusers'
                   train_diffusion_dpo.py and train_diffusion_dpo_sdxl.py read them; jpg_0 is the chosen one
    simpletuner    OUT/chosen, OUT/rejected, OUT/mask: pictures of equal names, captions in
                   chosen/*.txt, and OUT/multidatabackend.json for Masked Flow-DPO

Both keep the rest of a pair (its error, where it comes from), so `asap import` gives the same pairs back.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import tyro

from asap import command
from asap.errors import UserError
from asap.pairs.exchange.publish import check_finished, rows
from asap.pairs.hap import dataset, decisions, shards
from asap.pairs.hap.splits import SPLITS
from asap.store import Row, exclusive, open_run, to_json, write_atomic

FACTS_FILE = "pairs.jsonl"
FOLDERS = ("chosen", "rejected", "mask")
STAGED = ".staging"
_KEPT = tuple(name for name in dataset.FACTS if name != "prompt")
PICK_A_PIC = pa.schema(
    [
        *((name, pa.binary()) for name in ("jpg_0", "jpg_1", "mask")),
        *((name, pa.float64()) for name in ("label_0", "label_1")),
        ("has_label", pa.bool_()),
        ("caption", pa.string()),
        *((name, dataset.SCHEMA.field(name).type) for name in _KEPT),
    ]
)


@dataclass(frozen=True)
class Config(command.Settings):
    """Write one split of a HAP dataset in another form, without pairs that people rejected."""

    hap: tyro.conf.Positional[Path]
    """Folder of a finished dataset."""
    format: Literal["pick-a-pic", "simpletuner"]
    """pick-a-pic: parquet for diffusers' DPO scripts. simpletuner: folders for its Masked Flow-DPO."""
    out: Path
    """Folder to write; an earlier export there is replaced."""
    split: Literal["train", "test"] = "train"
    """The split to write."""


def run(config: Config) -> Path:
    """Write the export; returns its folder.

    Raises:
        UserError: no finished dataset, no pairs in the split, or a folder that holds another run.
    """
    check_finished(config.hap)
    with exclusive(config.hap), exclusive(config.out):
        open_run(config.out, "export", {"format": config.format, "split": config.split})
        staged = config.out / STAGED
        shutil.rmtree(staged, ignore_errors=True)
        pairs = rows(config.hap, decisions.read(config.hap), config.split)
        if config.format == "pick-a-pic":
            count = _pick_a_pic(staged, pairs, config.split)
        else:
            count = _folders(staged, pairs)
            write_atomic(staged / "multidatabackend.json", to_json(backends(config.out), indent=2) + "\n")
        if not count:
            shutil.rmtree(staged)
            raise UserError(f"{config.hap} holds no pairs to export in its split {config.split}")
        _place(staged, config.out)
    print(f"{config.out}: {count} pairs for {config.format}{_left_out(config)}")
    return config.out


def _left_out(config: Config) -> str:
    """What the other split holds, in words; nothing where it holds nothing."""
    (other,) = (split for split in SPLITS if split != config.split)
    count = sum(1 for _ in dataset.read(config.hap, ["id"], other))
    return f"; the {count} of split {other} are not among them (--split {other})" if count else ""


def _pick_a_pic(folder: Path, pairs: Iterator[Row], split: str) -> int:
    (folder / "data").mkdir(parents=True)
    writer, count = shards.Shards(folder / "data", split, PICK_A_PIC), 0
    for row in pairs:
        count += 1
        pictures = {"jpg_0": row["chosen"], "jpg_1": row["rejected"], "mask": row["mask"]}
        labels = {"label_0": 1.0, "label_1": 0.0, "has_label": True, "caption": row["prompt"]}
        facts = {name: row[name] for name in _KEPT}
        writer.add({name: picture["bytes"] for name, picture in pictures.items()} | labels | facts)
    writer.close()
    return count


def _folders(folder: Path, pairs: Iterator[Row]) -> int:
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    count = 0
    with (folder / FACTS_FILE).open("w", encoding="utf-8") as file:
        for row in pairs:
            count += 1
            for name in FOLDERS:
                (folder / name / f"{row['id']}.png").write_bytes(row[name]["bytes"])
            caption = " ".join(row["prompt"].split())  # SimpleTuner takes each line for a caption
            (folder / "chosen" / f"{row['id']}.txt").write_text(caption + "\n", encoding="utf-8")
            file.write(to_json({name: row[name] for name in dataset.FACTS}) + "\n")
    return count


def backends(folder: Path) -> list[Row]:
    """SimpleTuner's data backends: preferred pictures, rejected ones, masks, the cache of captions."""

    def local(name: str, **rest: object) -> Row:
        return {"id": f"hap-{name}", "type": "local", **rest}

    def pictures(name: str, kind: str, **rest: object) -> Row:
        place = {
            "instance_data_dir": str(folder / name),
            "cache_dir_vae": str(folder / "cache" / f"vae-{name}"),
        }
        return local(name, dataset_type=kind, **place, **rest)

    paired = {"source_dataset_id": "hap-chosen"}
    conditions = {"conditioning_data": ["hap-rejected", "hap-mask"], "caption_strategy": "textfile"}
    return [
        pictures("chosen", "image", **conditions),
        pictures("rejected", "conditioning", conditioning_type="reference_strict", **paired),
        pictures("mask", "conditioning", conditioning_type="mask", **paired),
        local("text", dataset_type="text_embeds", default=True, cache_dir=str(folder / "cache" / "text")),
    ]


def _place(staged: Path, out: Path) -> None:
    """Put what is staged in the place of an earlier export."""
    for path in sorted(staged.iterdir()):
        if path.is_dir():
            shutil.rmtree(out / path.name, ignore_errors=True)
        path.replace(out / path.name)
    staged.rmdir()


def main(argv: Sequence[str]) -> None:
    """`asap export`."""
    run(command.parse(Config, argv, "export"))
