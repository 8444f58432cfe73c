"""What --print-config shows: every setting, and where its value comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from asap.command.settings import REQUIRED, UNSET, Setting, flat, settings_of
from asap.command.yaml_file import ABSENT, Entry, Given, written

COMMAND_LINE = "command line"


class Sources(NamedTuple):
    """Where values may come from: options that were named, and a file's lines.

    `missing` are the placeholders of required settings that nothing gives.
    """

    settings: Mapping[str, Setting]
    named: Collection[str]
    given: Mapping[str, Given]
    missing: Mapping[str, Any]


def placeholders(settings: Mapping[str, Setting], known: Collection[str]) -> dict[str, Any]:
    """For each required setting that is not `known` what stands for it while settings are printed."""
    lacking = [one for one in settings.values() if one.default is REQUIRED and one.name not in known]
    return {setting.name: _placeholder(setting) for setting in lacking}


def _placeholder(setting: Setting) -> Any:
    return (UNSET,) if setting.many is None else Path(UNSET) if setting.hint is Path else UNSET


def places(sources: Sources) -> dict[str, str]:
    """Setting -> where it was given, of those that were."""
    return {name: line.place for name, line in sources.given.items()} | dict.fromkeys(
        sources.named, COMMAND_LINE
    )


def entries(whole: Mapping[str, Any], sources: Sources, filled: Mapping[str, str]) -> list[Entry]:
    """The lines to print of all settings; `filled` says of those left open where their value comes from."""
    origins = {**filled, **places(sources)}
    return [
        Entry(name, ABSENT, "required")
        if name in sources.missing
        else Entry(name, value, origins.get(name, "default" if value is not None else "left open"))
        for name, value in whole.items()
    ]


def to_yaml(config: Any, stage: str, origins: Mapping[str, str], absent: Collection[str] = ()) -> str:
    """The YAML file that gives `config` to `asap STAGE --config`; `origins` are the comments, of the settings
    that are not at their default. Those that are `absent` are left for a person to give."""
    settings = settings_of(type(config))
    found = [
        Entry(name, ABSENT, "required")
        if name in absent
        else Entry(
            name, value, origins.get(name) or ("default" if value == settings[name].default else "given")
        )
        for name, value in flat(config).items()
    ]
    return written(found, stage)
