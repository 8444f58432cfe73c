"""How long `asap report` takes and how large its page is: models x prompts x seeds of large images.

    OMP_NUM_THREADS=1 python benchmarks/report.py                        # JPEG
    OMP_NUM_THREADS=1 python benchmarks/report.py --format png           # as `asap generate` writes, some 14 GB

The images are made here, in a folder that is removed: drawn people in the photographic look, enlarged, each file
shifted and with grain of its own, so that no two are equal and none is cheaper to shrink than a photo.
Judgements are drawn by chance, with the rates of the published table for FLUX. The time is that of one `asap
report` in a process of its own, from start to end; images are decoded and encoded in two threads, all else is
done in one.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.figures.people import scenes
from asap.figures.people.render import render_people
from asap.records import Judgement, Sample
from asap.store import append_rows, open_run, seed_of

RATES = {"base": 0.417, "sft": 0.391, "dpo": 0.293, "asap": 0.289}
CATEGORIES = ("basic anatomy", "semantic gestures", "self-interaction", "object interaction", "full body")
"""Of HAF-Bench."""
ERRORS = (
    "extra finger",
    "missing finger",
    "fused fingers",
    "distorted face",
    "unnatural face",
    "extra limb",
    "missing limb",
    "twisted joint",
)
DRAWN = 40
"""Different people."""
Images = NDArray[np.uint8]


def people(side: int) -> Images:
    """(DRAWN, side, side, 3) people."""
    drawn = scenes.figures([scenes.scene(seed_of("report", i)) for i in range(DRAWN)])
    images, _ = render_people(drawn, 512, look=0.6)
    return np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in images])


def write_model(folder: Path, name: str, args: argparse.Namespace, drawn: Images, grain: Images) -> Path:
    """Images and judgements of one model; returns the folder of judgements."""
    images, judged = folder / name / "images", folder / name / "judged"
    open_run(images, "generate", {"lora": name}, {"command": f"asap generate --out {name}/images"})
    record = {"command": f"asap judge {name}/images", "images": "../images"}
    open_run(judged, "judge", {"judge": "vlm", "settings": {"model_name": "chance"}}, record)
    samples, judgements = [], []
    for prompt in range(args.prompts):
        for seed in range(args.seeds):
            sample = _sample(prompt, seed, args.format)
            write_image(images / sample.file_name, name, prompt, seed, drawn, grain)
            samples.append(sample)
            judgements.append(_judgement(sample, name, args.side))
    append_rows(images / "metadata.jsonl", samples)
    append_rows(judged / "judgements.jsonl", judgements)
    return judged


def _sample(prompt: int, seed: int, ending: str) -> Sample:
    text = f"Prompt {prompt}: a person in a garden who waves to a friend across the street, full figure"
    identity = f"p{prompt:03d}-{seed}"
    return Sample(identity, f"{identity}.{ending}", text, f"p{prompt:03d}", CATEGORIES[prompt % 5], seed)


def write_image(path: Path, name: str, prompt: int, seed: int, drawn: Images, grain: Images) -> None:
    """One image, unlike any other."""
    rng = np.random.default_rng(seed_of("image", name, prompt, seed))
    image = np.roll(drawn[rng.integers(len(drawn))], rng.integers(0, 64, 2), (0, 1))
    noise = np.roll(grain, rng.integers(0, len(grain), 2), (0, 1))
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    cv2.imwrite(str(path), cv2.add(image, noise), options)


def _judgement(sample: Sample, name: str, side: int) -> Judgement:
    """An error at the model's rate; how hard its prompt is decides half of it."""
    hard = np.random.default_rng(seed_of("prompt", sample.prompt_id)).random()
    rng = np.random.default_rng(seed_of("verdict", name, sample.id))
    wrong = (hard if rng.random() < 0.5 else rng.random()) < RATES[name]
    if not wrong:
        return Judgement(sample.id, sample.prompt_id, sample.seed, sample.category, "correct")
    error = ERRORS[rng.integers(len(ERRORS))]
    left, top = (int(place) for place in rng.integers(0, side * 3 // 4, 2))
    box = [left, top, left + side // 5, top + side // 5]
    boxes = [
        {"box": box, "part": error.split()[-1], "error": error, "answer": "one more than there should be"}
    ]
    return Judgement(
        sample.id,
        sample.prompt_id,
        sample.seed,
        sample.category,
        "error",
        (error,),
        region=(box[0], box[1], box[2], box[3]),
        evidence={"boxes": boxes},
    )


def measure(specs: Sequence[str], out: Path) -> tuple[float, float, float]:
    """Seconds of the clock and of the processors that a report takes, and its peak memory in MiB."""
    command = [sys.executable, "-m", "asap", "report", *specs, "--out", str(out)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "TQDM_DISABLE": "1"})
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, after.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--format", choices=("jpg", "png"), default="jpg")
    parser.add_argument("--keep", type=Path, help="folder for the report, kept")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn, rng = people(args.side), np.random.default_rng(0)
        grain = rng.integers(0, 14, (args.side, args.side, 3), dtype=np.uint8)
        specs = [f"{model}={write_model(folder, model, args, drawn, grain)}" for model in RATES]
        disk = sum(path.stat().st_size for path in folder.rglob(f"*.{args.format}"))
        out = args.keep or folder / "report"
        seconds, used, memory = measure(specs, out)
        page = (out / "report.html").read_text(encoding="utf-8")
        count = args.prompts * args.seeds * len(RATES)
        print(
            f"| images | on disk | seconds | CPU seconds | peak memory | page | pictures in it |\n|{'---:|' * 7}"
        )
        print(
            f"| {count} {args.format}, {args.side} px | {disk / 1e9:.1f} GB | {seconds:.1f} | {used:.1f} | "
            f"{memory:.0f} MiB | {len(page.encode()) / 1e6:.1f} MB | {len(re.findall('<image ', page))} |"
        )


if __name__ == "__main__":
    main()
