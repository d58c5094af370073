"""Builds the embedded face from MakeHuman's CC0 mesh and targets; see `assemble.build`."""
