"""What never changes during training: mean face, triangles, UV map, landmarks, mirror, bases.

    face = FaceModel.load("makehuman")           # embedded, 3,016 vertices, CC0
    face = FaceModel.load("makehuman-12k")       # embedded, 11,857 vertices
    face = FaceModel.load("faces/bfm2009.npz")   # written by `nonlinear3dmm convert`

Frame: x to the subject's left, y up, z out of the face; triangles counter-clockwise seen from
outside. UV: u right, v down, both in [0, 1], (0, 0) the centre of the first texel.
Keys of the .npz: the attributes of `FaceModel`, each region as `region_<name>`. Nothing is ever
unpickled. `load_population` reads what the embedded face knows about people, `load_skins` their
skins, `load_hair` what hangs on their heads.
"""

from tf_nonlinear3dmm.face.hair import HairMesh, load_hair, load_skull
from tf_nonlinear3dmm.face.model import FaceModel, sample_shapes
from tf_nonlinear3dmm.face.population import ASSET, EMBEDDED, Population, load_population
from tf_nonlinear3dmm.face.skins import Skins, load_kinds, load_skins

__all__ = [
    "ASSET",
    "EMBEDDED",
    "FaceModel",
    "HairMesh",
    "Population",
    "Skins",
    "load_hair",
    "load_kinds",
    "load_population",
    "load_skins",
    "load_skull",
    "sample_shapes",
]
