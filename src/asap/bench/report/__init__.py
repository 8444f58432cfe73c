"""`asap report`: judged models side by side on one page, the first of them the base."""

from asap.bench.report.stage import Config, main, run

__all__ = ["Config", "main", "run"]
