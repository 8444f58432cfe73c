"""Errors of arms, legs, feet and the trunk."""
