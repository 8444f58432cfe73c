"""One file per model family, all with the same contract (`backbone.Backbone`)."""
