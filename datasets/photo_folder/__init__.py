"""A folder of photos: see README.md."""
