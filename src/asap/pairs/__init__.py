"""Phase I: from photos or figures to localized preference pairs."""
