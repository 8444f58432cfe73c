"""Pairs of drawn hands and people, whose truth is exact."""
