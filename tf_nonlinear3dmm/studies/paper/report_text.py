"""The report's text: what each table shows and how it was measured."""

from typing import NamedTuple

from tf_nonlinear3dmm.studies.paper import claims


class Power(NamedTuple):
    """One table of representation power.

    Attributes:
        figure: its name.
        label: of the figure's vertical axis.
        factor: of the table's cells.
        note: the text above the table.
    """

    figure: str
    label: str
    factor: float
    note: str


POWER = {
    claims.SHAPE: Power(
        "shape_power",
        "mean vertex error (% of the eye distance)",
        1,
        "Mean vertex error, percent of the eye distance, on the true shapes of {faces} test faces. "
        "The model's face may be moved, turned and scaled, since an image tells neither the size "
        "of a head nor where its frame lies. "
        "Codes by weighted least squares for linear models and by {steps} steps of Adam on the "
        "same squared distances for nonlinear ones. `trained in 3D`: the decoder alone has learned "
        "from true shapes; `trained on images`: the whole model, with the labels of the {labels}. "
        "`Linear oracle` knows {basis} true shapes. "
        "`Linear scan-200` is the paper's Linear: at k codes the k modes of largest variance of "
        "200 similar people and of 20 of them with 20 expressions each.",
    ),
    claims.PHOTO: Power(
        "texture_power_photo",
        "mean absolute colour difference x 100",
        100,
        "Target photo, as in the paper: the image unwrapped with the true geometry, on the texels "
        "in sight and not occluded. Mean absolute colour difference of {faces} test faces, colours "
        "in [0, 1], times 100. Light is fitted along with the code, for linear models too; `Linear "
        "in the wild` has learned it. By gradient: {steps} steps of Adam. `Linear scan-200` has 40 "
        "modes in all, as the paper's. `by gradient` and `by the encoder`: the whole model, with "
        "the labels of the {labels}; the encoder predicts the light, too.",
    ),
    claims.ALBEDO: Power(
        "texture_power_albedo",
        "mean absolute colour difference x 100",
        100,
        "Target albedo: the true unlit colours of all texels, times 100; for the encoder after the "
        "best gain per channel, since a photo does not tell a bright face from a bright light.",
    ),
}
ALIGNMENT = (
    "Mean distance of the 68 points over the square root of the area of their box (NME, percent) "
    "by true yaw; brackets are 95 % bootstrap intervals over images. The balanced mean is that of "
    "the three bins, as the paper reports it. `ground truth` and `teacher` say which labels a "
    "model was trained on; the teacher's are fits of the linear model of 200 scans, as in the "
    "paper. SDM and 3DDFA had the ground truth. The two mean faces are controls: what a pose alone "
    "brings."
)
PAPER = (
    "The last column is the paper's own number, measured on AFLW2000-3D and not on these faces: "
    "compare the order of the methods, not the values."
)
NETWORKS = (
    "A network's error is flat where the best validation error, NME in percent plus vertex error "
    "in mm, fell by less than {gain:g} % over the last third of its images. `no` says that more "
    "images would have helped, and the gain by about how much; since the learning rate falls to "
    "the end, `yes` does not prove that they would not. SDM solves for its weights at once."
)
BEGINNING = (
    "Linear and nonlinear models begin with the trunk, camera and light of the package's weights, "
    "3DDFA with their trunk, SDM with nothing."
)
TRUNK = (
    f"{BEGINNING} The package's weights have learned from millions of images of generated people, "
    "none of whom is tested here. What remains to be learned is each method's own."
)
RECONSTRUCTION = (
    "Skin vertices after rigid alignment: distance to the true vertex, the same over the distance "
    "of the eyes, and the angle between the normals. An image does not tell how large a head is, "
    "and a label that is a fit has its size by chance: the verdicts are of the distance after an "
    "alignment with scale. `labels of the teacher` are what pretraining imitates: only images can "
    "teach more."
)
PAPER_NAMES = {
    "Linear scan-200, teacher": "Linear 3DMM, same framework",
    "SDM": "SDM",
    "3DDFA": "3DDFA",
    "Nonlinear, teacher, finetuned": "Nonlinear 3DMM",
}
