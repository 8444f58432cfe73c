"""HAF-Bench: the prompts of this project's benchmark, and the vocabulary of what a judge may check in them."""
