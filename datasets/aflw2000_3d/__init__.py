"""AFLW2000-3D: README.md says how to get it."""
