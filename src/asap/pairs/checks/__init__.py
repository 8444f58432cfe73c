"""Whether a pair is good: gates on its numbers, its best candidate, the error looked for in its pixels."""
