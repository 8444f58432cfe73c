"""One class per judge."""
