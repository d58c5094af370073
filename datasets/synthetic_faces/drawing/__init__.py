"""From meshes to pixels: rasterized bodies, translucent surfaces over them, compositing."""
