"""Datasets going out and coming in: publishing, and the forms of other trainers."""
