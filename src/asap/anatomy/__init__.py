"""Knowledge of bodies: keypoints, parts, masks, and one file per detector."""
