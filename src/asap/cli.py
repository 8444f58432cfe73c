"""`asap <stage>`: a table of stages; only the chosen one is imported."""

from __future__ import annotations

import importlib
import os
import sys
from difflib import get_close_matches

from asap import __version__
from asap.errors import UserError

STAGES: dict[str, tuple[str, str]] = {
    "build": ("asap.pairs.build", "photos of people -> preference pairs (a HAP dataset)"),
    "caption": (
        "asap.pairs.captions.caption",
        "photos without captions -> captions, by a model that sees",
    ),
    "review": ("asap.review.run", "a HAP dataset -> people's decisions on its pairs, on a local page"),
    "publish": ("asap.pairs.exchange.publish", "a HAP dataset -> the hub, object storage or a folder"),
    "export": ("asap.pairs.exchange.exports", "a HAP dataset -> the forms of other trainers"),
    "import": ("asap.pairs.exchange.imports", "preference pairs of others -> a HAP dataset"),
    "figures": ("asap.pairs.figures", "procedural figures with exact truth -> preference pairs"),
    "train": ("asap.align.train", "preference pairs -> a LoRA for an image model"),
    "export-lora": ("asap.align.export", "a trained LoRA -> the form of ComfyUI or kohya's scripts"),
    "propose": ("asap.align.propose", "model, preference pairs -> settings for train, measured on them"),
    "recipes": ("asap.align.show_recipes", "the settings that train takes where you give none, and why"),
    "prompts": ("asap.bench.haf.show", "the prompts of HAF-Bench, or your own -> JSON lines"),
    "generate": ("asap.bench.generate", "model, LoRA and prompts -> images"),
    "judge": ("asap.bench.judge", "images -> judgements of their anatomy"),
    "vote": ("asap.bench.vote", "two models' images -> which shows the better anatomy, by a model that sees"),
    "truth": ("asap.bench.truth", "pairs -> images whose truth is known, on which to try a judge"),
    "calibrate": ("asap.bench.calibrate", "judgements and labels -> how often the judge is right"),
    "reward": ("asap.bench.reward", "images -> scores by rewards of others: general quality, not anatomy"),
    "report": ("asap.bench.report", "judgements of several models -> one page of results"),
    "leaderboard": (
        "asap.bench.leaderboard",
        "the results of many reports -> a table, apart by judge and prompts",
    ),
    "study": ("asap.study.run", "images -> people's ratings and votes, blind, on a page or as one file"),
    "study-import": ("asap.study.imports", "answers from the offline file -> the study"),
    "study-results": ("asap.study.results", "a study -> judgements and votes, as other judges' are"),
    "power": ("asap.bench.power", "before a comparison: the change that it can show, the images it needs"),
    "demo": ("asap.demo", "all of it on the embedded model, in minutes, without downloads"),
    "lab": ("asap.lab.run", "all objectives compared on the embedded world, with seeds and intervals"),
    "pretrain": ("asap.align.pretrain", "make an embedded model from scratch"),
}


def usage() -> str:
    """The text of `asap --help`."""
    rows = "\n".join(f"  {name:15}{text}" for name, (_, text) in STAGES.items())
    return (
        f"asap {__version__} - teach text-to-image models correct human anatomy\n\n"
        f"usage: asap STAGE [options]      asap STAGE --help\n\n{rows}\n"
    )


def _is_read() -> bool:
    """Whether somebody still reads what is printed; `| head` leaves when it has enough."""
    try:
        print(flush=True)  # a flush alone has nothing left to write after a failed one
        return True
    except BrokenPipeError:
        return False


def main(argv: list[str] | None = None) -> int:
    """Run one stage; returns the exit status (0 done, 2 the user's mistake, 130 interrupted,
    141 nobody reads what is printed)."""
    args = sys.argv[1:] if argv is None else argv
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0
    if args[0] in ("-V", "--version"):
        print(f"asap {__version__}")
        return 0
    try:
        return _run(args[0], args[1:])
    except UserError as error:
        print(f"asap: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        if _is_read():
            raise  # it was another pipe, such as a worker's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as error:
        print(f"\nasap: {_interrupted(args, error)}", file=sys.stderr)
        return 130


def _interrupted(args: list[str], error: KeyboardInterrupt) -> str:
    if {"-h", "--help"} & set(args):
        return "interrupted"
    return f"{str(error) or 'interrupted'}; the same command continues where this stopped"


def _run(stage: str, args: list[str]) -> int:
    if stage not in STAGES:
        near = get_close_matches(stage, STAGES, n=1)
        hint = f"did you mean `asap {near[0]}`?" if near else "see `asap --help`"
        raise UserError(f"no stage named {stage!r}; {hint}")
    # transformers announces at import that torchvision is not installed; nothing here wants it
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    module = importlib.import_module(STAGES[stage][0])
    module.main(args)
    sys.stdout.flush()  # here, where a reader who has left is no trouble
    return 0
