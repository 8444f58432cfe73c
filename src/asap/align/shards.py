"""The frozen denoiser spread over the processes by FSDP2, each holding a part of every block.

The blocks' weights are gathered when they are used, forward and backward, and let go again. The LoRA stays
whole in every process: it is small, and its gradients are added up by the loop as they are without sharding.
"""

from __future__ import annotations

import os

from accelerate.utils import FullyShardedDataParallelPlugin, parse_flag_from_env
from torch import nn
from torch.distributed.fsdp import fully_shard

from asap.align.train import Config
from asap.backbones import frozen
from asap.errors import UserError

ENGINES = {"DeepSpeed": "ACCELERATE_USE_DEEPSPEED", "Megatron-LM": "ACCELERATE_USE_MEGATRON_LM"}


def asked() -> bool:
    """Whether the launcher asked for FSDP over more than one process.

    Told by the environment: of CPUs Accelerate's own state says nothing of it.
    """
    return bool(parse_flag_from_env("ACCELERATE_USE_FSDP")) and int(os.environ.get("WORLD_SIZE", "1")) > 1


def check(config: Config) -> None:
    """Whether the run can be launched as it was; sees to it that every process reads its models whole.

    Raises:
        UserError: an engine, or a setting under FSDP, with which it cannot.
    """
    for engine, variable in ENGINES.items():
        if parse_flag_from_env(variable):
            raise UserError(
                f"`asap train` does not run under {engine}, whose engine makes the passes and steps itself; "
                "to spread a large model take `accelerate launch --use_fsdp --fsdp_version 2`"
            )
    if not asked():
        return
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise UserError("FSDP 1 has to wrap what is trained, too; launch with --fsdp_version 2")
    for flag, given in _apart(config).items():
        if given:
            raise UserError(f"{flag} does not go with FSDP; leave it out, or launch without --use_fsdp")
    # the launcher's default, under which transformers may read text encoders in the first process alone, for
    # FSDP to fill the others' (5.24 does not); here each process encodes its share of the captions
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"


def _apart(config: Config) -> dict[str, bool]:
    """What would change a weight while it is spread, or let processes make different passes: they gather
    together, or wait for each other for ever."""
    return {
        "--quantize": config.quantize != "none",
        "--offload": config.offload,
        "--compile": config.compile,
        "--skip-settled": config.skip_settled,
        "--reference cached": config.reference == "cached",
        "--aspect native": config.aspect == "native",
        "--validate-every": config.validate_every > 0,
    }


def shard(network: nn.Module) -> None:
    """Spread all of `network` that is frozen over the processes, in place, as the launcher's settings say.

    A block moves from the CPU to the process's device when it is spread, so that the whole is never there.
    """
    asked_for = FullyShardedDataParallelPlugin()
    trained = {p for p in network.parameters() if p.requires_grad}
    for module in (*frozen.blocks(network), network):
        fully_shard(
            module,
            reshard_after_forward=asked_for.reshard_after_forward,
            offload_policy=asked_for.cpu_offload,
            ignored_params=trained,
        )
