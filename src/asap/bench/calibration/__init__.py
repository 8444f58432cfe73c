"""Samples of the embedded models labelled by eye, and what the judges say of them."""
