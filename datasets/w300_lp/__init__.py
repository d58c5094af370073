"""300W-LP: README.md says how to get it."""
