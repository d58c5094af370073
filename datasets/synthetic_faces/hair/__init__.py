"""Hairstyles and their surfaces: meshes, hair grown over the skull, single strands."""
