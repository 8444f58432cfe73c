"""Phase III: prompts, images, judges, statistics, report."""
