"""What --print-config shows: every setting, and where its value comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from asap.command.settings import REQUIRED, UNSET, Setting, flat, settings_of
from asap.command.yaml_file import ABSENT, Entry, Given, written


class Sources(NamedTuple):
    """Where values may come from: options that were named, a file's lines, and what fills in the rest.

    `missing` are the placeholders of required settings that nothing gives.
    """

    settings: Mapping[str, Setting]
    named: Collection[str]
    given: Mapping[str, Given]
    missing: Mapping[str, Any]
    filled: Mapping[str, str]


def placeholders(settings: Mapping[str, Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    """For each required setting that is not among `values` what stands for it while settings are printed."""
    lacking = [one for one in settings.values() if one.default is REQUIRED and one.name not in values]
    return {setting.name: _placeholder(setting) for setting in lacking}


def _placeholder(setting: Setting) -> Any:
    return (UNSET,) if setting.many is None else Path(UNSET) if setting.hint is Path else UNSET


def entries(chosen: Mapping[str, Any], whole: Mapping[str, Any], sources: Sources) -> list[Entry]:
    """The lines to print of the settings `chosen`, and `whole` once filled in."""
    return [
        Entry(name, ABSENT, "required")
        if name in sources.missing and value == sources.missing[name]
        else Entry(name, value, _origin(name, chosen[name], value, sources))
        for name, value in whole.items()
    ]


def _origin(name: str, chosen: Any, value: Any, sources: Sources) -> str:
    line = sources.given.get(name)
    # what is given without a flag shows in its value alone
    if name in sources.named or chosen != (line.value if line else sources.settings[name].default):
        return "command line"
    if line:
        return line.place
    return sources.filled.get(name, "default" if value is not None else "left open")


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
