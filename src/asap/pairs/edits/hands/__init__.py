"""Errors of fingers and of whole hands."""
