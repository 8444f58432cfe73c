"""The judges of drawn hands: one by synthesis, one that has learned."""
