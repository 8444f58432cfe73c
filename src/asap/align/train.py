"""`asap train`: preference pairs -> a LoRA. Settings and their checks; the work is in `loop`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from asap import command
from asap.align import checks
from asap.align.carried import foreign
from asap.align.filled import complete as complete
from asap.align.filled import explained
from asap.align.names import Objective as Objective
from asap.align.recipes import Name, by_family


def _of_recipe(setting: str) -> Any:
    """Shows in the help what the recipes give for a setting that is left open."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {by_family(setting)})")


@dataclass(frozen=True)
class Config(command.Settings):
    """Align a model on the preference pairs of a HAP dataset. The same command again resumes; more --steps
    continue a finished run.

    Watch in log.jsonl and TensorBoard: delta_mean, how far the model has come to prefer the good pictures
    beyond the untrained one (asap drives it to tau); winner_rise and loser_rise, how much worse than the
    untrained one it predicts good and faulty pictures. A winner_rise that grows is over-optimisation."""

    model: str
    """`mini-hand`, `mini`, a local folder in diffusers' layout, or a hub id: FLUX.1, FLUX.2,
    Qwen-Image, SDXL, Stable Diffusion 1 to 3.5, Z-Image (docs/families.md)."""
    data: str
    """A HAP dataset: a folder made by `asap build` or `asap figures`, or a hub id."""
    out: Path
    """The run folder; `pytorch_lora_weights.safetensors` in it is the result."""
    objective: Objective = "asap"
    """asap: localized and margin-bounded; dpo: plain Diffusion-DPO; sft: the winners alone. bounded is asap
    and dpo, sft are local_dpo, local_sft without a region; the others change asap: one_sided does not pull
    back beyond tau, anchored keeps the winner's error down, area weighs all regions alike, relative compares
    logarithms of errors; mapo is dpo without a reference (docs/laboratory.md says what each is worth). On the
    embedded models some have settings of their own where you give none."""
    steps: int = 1000
    """Optimiser steps."""
    seed: int = 0
    """Decides the LoRA's start, the order of pairs, noise and times."""
    recipe: Name | None = None
    """Whose settings are taken for those left open; the recipe of the model's own family when left open too
    (`asap recipes` shows all, and how each number was come by)."""
    batch_size: Annotated[int | None, _of_recipe("batch_size")] = None
    """Pairs that go through the model together, in each process."""
    accumulate: int = 1
    """Batches per step and process, whose gradients are added up. A step's pairs are batch_size x accumulate
    x processes, and only their number decides what is learned."""
    learning_rate: Annotated[float | None, _of_recipe("learning_rate")] = None
    """AdamW's step size."""
    alpha: Annotated[float | None, _of_recipe("alpha")] = None
    """Extra weight of errors inside the region (all but bounded, dpo and sft)."""
    tau: Annotated[float | None, _of_recipe("tau")] = None
    """The margin that the preference gap is driven to (asap and what changes it)."""
    beta: Annotated[float | None, _of_recipe("beta")] = None
    """DPO's inverse temperature, in the convention of diffusers' script."""
    sampling: Literal["uniform", "lagging", "lagging_unbiased"] = "uniform"
    """uniform shows every pair once an epoch. lagging shows more of the kinds of error (the dataset's column
    `error`) that lag: whose gap is short of tau or, under dpo, has not yet saturated the loss. Half of a step
    keeps to the data's shares. lagging_unbiased also weights the losses so that their mean is that of
    uniform. Not for sft and local_sft. log.jsonl holds the shares (benchmarks/sampling.md)."""
    rank: Annotated[int | None, _of_recipe("rank")] = None
    """The LoRA's rank."""
    lora_alpha: float | None = None
    """The LoRA's scale times its rank; the rank itself when left open."""
    mask_dilation: Annotated[int | None, _of_recipe("mask_dilation")] = None
    """How far the region is grown on the latent grid, in positions."""
    resolution: int | None = None
    """Pixels a side; the model's own when left open."""
    aspect: Literal["square", "native"] = "square"
    """square cuts a square around the region. native keeps each picture's aspect ratio, with as many pixels
    as the square; pictures of one size go through the model together."""
    warmup: int = 0
    """Steps over which the learning rate rises from zero."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen model; the LoRA stays float32."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    quantize: Literal["none", "int8", "fp8", "nf4"] = "none"
    """Store the frozen denoiser's linear layers in 8 bits (int8, fp8: needs torchao) or 4 (nf4: needs
    bitsandbytes and a GPU). The reference is quantised too; the LoRA is not, and fits the whole model."""
    offload: bool = False
    """Keep the weights of the denoiser's blocks on the CPU; each crosses over when it is used. Slow."""
    compile: bool = False
    """Compile the denoiser's blocks with torch (needs a C++ compiler, on a GPU Triton)."""
    reference: Literal["live", "cached"] = "live"
    """live runs the untrained model beside the trained one, in every step. cached runs it beforehand, on
    `draws` draws of time and noise of each pair, which are then used in turn: a third less work per step, and
    runs with other settings on the same `cache` need it no more."""
    draws: int = 8
    """Draws of time and noise of each pair under --reference cached."""
    backward: Literal["joint", "split"] = "joint"
    """split takes the backward pass of the good picture before the faulty one's forward pass: the same
    gradient and work with half the activations in memory, one pair at a time."""
    guard_winner: bool = False
    """Shrink the faulty picture's part of a pair's gradient where it would, to first order, raise the good
    picture's error (Diffusion-SDPO); one pair at a time, with activations as under --backward split.
    log.jsonl says what share was `learned`."""
    skip_settled: bool = False
    """Leave out most backward passes of pairs that sit at their margin, and let the others count for them, so
    that the expected gradient stays the same; one pair at a time. log.jsonl says what share has `learned`."""
    cache: Path | None = None
    """Folder of latents, text embeddings and the reference's errors, for runs to share; `latents` in the run
    folder when left open."""
    calibration: Path | None = None
    """The calibration.json of `asap propose` that settings come from. It is kept in the run's record, and
    decides nothing."""
    checkpoint_every: int = 50
    """Steps between checkpoints."""
    on_trouble: Literal["lower", "stop", "warn"] = "lower"
    """What to do when good pictures are predicted much worse than by the untrained model, gradients explode
    or gaps fly apart (docs/runs.md): lower halves the learning rate, up to three times, then stops;
    stop ends at once, at the last good checkpoint; warn goes on. Warnings are in log.jsonl, too."""
    overlays: int = 6
    """Pairs shown in overlays.html before the first step, with their masks as they lie on the latents; 0 for
    no page."""
    ema: float = 0.0
    """Decay of an exponential moving average of the LoRA over steps, such as 0.999; 0 for none. The average
    is then what is published, and the last parameters lie in the folder `last`."""
    validate_every: int = 0
    """Steps between pictures of the prompts in --validation-prompts, in the folder `validation`, TensorBoard
    and the card; 0 for none. Training goes on as it would without."""
    validation_prompts: Path | None = None
    """Prompts for them: one a line, or JSON lines with `text`."""
    validation_seeds: int = 1
    """Pictures of each prompt."""
    validation_steps: int | None = None
    """Steps of drawing; the model's own when left open."""
    tracker: Literal["tensorboard", "wandb", "none"] = "tensorboard"
    """Where Accelerate logs to, besides `log.jsonl`."""


def run(config: Config, given: Mapping[str, str] | None = None) -> Path:
    """Train, and return the run folder; `given` says, for the card, where settings that were given stand.

    Raises:
        UserError: settings, data, model or folder that cannot work; a loss that is no longer finite.
    """
    checks.all_of(config)
    checks.tell_idle(config, given)
    from asap.align import loop  # torch, which neither --help nor the checks need

    loop.run(config, given)
    return config.out


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    out = run(*command.read(Config, argv, "train", explained, foreign))
    from asap.backbones.lora import WEIGHTS

    print(f"trained: {out / WEIGHTS}")
