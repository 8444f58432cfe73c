"""The judges of drawn people: one by synthesis, one that has learned."""
