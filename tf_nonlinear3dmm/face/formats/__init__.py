"""Face models of other projects, converted to `FaceModel`; their content tells the format.

    face, notes = formats.convert("01_MorphableModel.mat")
    face.save("bfm2009.npz")

| Model | Path | Read too, if beside it | Unit | Deviations |
| --- | --- | --- | --- | --- |
| BFM 2009 | 01_MorphableModel.mat | `companions` | um | shapeEV, sigma_exp |
| 300W-LP's BFM | Model_Shape.mat | `companions` | um | sigma, sigma_exp |
| face3d's BFM | BFM.mat | - | um | shapeEV, expEV |
| BFM 2017, 2019 | model20*.h5 | - | mm | root of pcaVariance |
| ICT-FaceKit | folder FaceXModel | - | cm | identity 1, expressions 0.3 |
| eos, Surrey | *.bin, versions 1 to 4 | blend shapes, ibug_to_*.txt | mm | root of eigenvalues |
| the paper's code | folder 3DMM_definition | std_*.npy | um | fitted to std_shape, else 0 |
| packed | .npz, see `packed` | - | by size | id_std or 1, exp_std or 0.3 |

`companions`: model_info.mat (crop, landmarks, triangles) and Model_Exp.mat or Model_Expression.mat.
A folder that holds one of these files will do as well.

Everything becomes millimetres, 0-based ids, triangles counter-clockwise seen from outside, standard
deviations, x to the subject's left, y up, z forward. The origin stays. Coefficients keep the
source's meaning: `shape_basis` times the source's own parameters (300W-LP's Shape_Para in um) gives
millimetres. Landmarks that the source lacks are -1; the mirror is found by reflection; UV comes
from the source, or is the paper's cylinder, or is relaxed as the embedded face's is.

Pickles are refused: reading one can run code. The licences are the sources' own; most allow
research only.
"""

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats.finish import UV_MAPS, finish
from tf_nonlinear3dmm.face.formats.recognise import recognise
from tf_nonlinear3dmm.face.model import FaceModel

__all__ = ["UV_MAPS", "convert", "recognise"]


def convert(
    path: Path, uv: str = "source", units: float | None = None, name: str | None = None
) -> tuple[FaceModel, list[str]]:
    """The `FaceModel` of someone else's face model.

    Args:
        path: a file or folder of the table above.
        uv: "source" (the cylinder where the source has none), "cylinder" or "relaxed".
        units: millimetres per unit of the source; None takes the format's own.
        name: of the result; None takes the format's.

    Returns:
        The model, and a list of lines about what it lacks.

    Raises:
        FileNotFoundError: no such file, or a file that must lie beside it.
        ValueError: not a model that is known, or damaged; one line that names file and key.
    """
    load = recognise(path)
    return finish(load(path), path, uv, units, name)
