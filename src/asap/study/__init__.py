"""The human study: people rate images for anatomical errors and vote between two, blind, on a page."""
