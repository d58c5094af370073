"""Generated faces: see README.md."""
