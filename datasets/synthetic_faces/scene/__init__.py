"""Pose, light and background of an image, and the assets that all images share."""
