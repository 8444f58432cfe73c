"""Where photos come from: a file for each kind of source, each a generator of `Photo` and `Skipped`."""
