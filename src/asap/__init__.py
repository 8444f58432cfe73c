"""ASAP: teach text-to-image models correct human anatomy with localized, margin-bounded preferences."""

__version__ = "0.1.0"
