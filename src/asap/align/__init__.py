"""Phase II: localized, margin-bounded preference alignment."""
