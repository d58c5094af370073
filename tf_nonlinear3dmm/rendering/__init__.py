"""Camera, rasterizer, light and texture: from a mesh and its maps to an image, and back to UV.

    fragments = rasterizer.rasterize(camera.project(vertices, projection), triangles, (H, W))
    colours = rasterizer.interpolate(vertex_colours, triangles, fragments)

Functions are read with their module. `scanlines`, `visibility` and `sparse` are parts of the
rasterizer; what this list lacks may change.
"""

from tf_nonlinear3dmm.rendering import (
    antialiasing,
    camera,
    lighting,
    rasterizer,
    renderer,
    sampling,
    unwrap,
    upsampling,
    uv_layout,
    visualize,
)
from tf_nonlinear3dmm.rendering.rasterizer import Fragments
from tf_nonlinear3dmm.rendering.renderer import Rendering
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout

__all__ = [
    "Fragments",
    "Rendering",
    "UVLayout",
    "antialiasing",
    "camera",
    "lighting",
    "rasterizer",
    "renderer",
    "sampling",
    "unwrap",
    "upsampling",
    "uv_layout",
    "visualize",
]
