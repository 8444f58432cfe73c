"""Anatomical errors put into photos by moving their own pixels; no model's weights."""
