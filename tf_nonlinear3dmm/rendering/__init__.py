"""Camera, rasterizer, light and texture: from a mesh and its maps to an image, and back to UV."""
