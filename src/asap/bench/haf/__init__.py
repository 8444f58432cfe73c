"""HAF-Bench: the prompts of the benchmark, and the vocabulary of what a judge may check in them."""
