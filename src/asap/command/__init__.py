"""A stage's frozen `Config` as command line and as YAML file: fields are settings, docstrings are help."""

from asap.command.line import Read, parse, read
from asap.command.settings import UNSET, Settings
from asap.command.show import to_yaml
from asap.command.spelling import spell

__all__ = ["UNSET", "Read", "Settings", "parse", "read", "spell", "to_yaml"]
