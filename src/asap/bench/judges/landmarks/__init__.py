"""A judge without a model of language: what the keypoints of detectors say of hands, faces and bodies."""
