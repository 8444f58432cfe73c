"""The HAP dataset on disk: rows, shards, splits, people's decisions, card and pictures."""
