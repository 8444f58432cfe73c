"""The laboratory: every objective under equal conditions on the embedded world, whose truth is exact."""
