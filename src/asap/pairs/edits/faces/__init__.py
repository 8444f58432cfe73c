"""Errors of eyes, noses, mouths and heads."""
