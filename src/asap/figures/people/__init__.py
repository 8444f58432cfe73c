"""Whole people drawn from exact COCO-WholeBody skeletons: poses, gestures, looks, pictures, captions."""
