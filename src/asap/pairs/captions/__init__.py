"""Captions for photos that have none."""
