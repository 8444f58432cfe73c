"""A stage's frozen `Config` as command line and as YAML file: fields are settings, docstrings are help."""

from asap.command.line import COMMAND_LINE, Read, parse, read
from asap.command.settings import UNSET, Settings
from asap.command.show import to_yaml
from asap.command.spelling import spell

__all__ = ["COMMAND_LINE", "UNSET", "Read", "Settings", "parse", "read", "spell", "to_yaml"]
