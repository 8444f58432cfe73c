"""Rewards of others on generated images: a guard of general quality, which does not see anatomy."""
