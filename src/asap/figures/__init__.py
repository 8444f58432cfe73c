"""The embedded world: people drawn from exact skeletons."""
