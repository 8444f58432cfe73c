"""What a model is asked about an image, and how its answers become a judgement."""
