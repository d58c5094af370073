"""What one may choose: frozen dataclasses, and presets of them.

`Config` is everything a run depends on; `to_dict` and `from_dict` carry it through config.json.
Sizes are (height, width). Weights of losses are those of the paper's code (TPAMI 2019).
"""

import dataclasses
import difflib
import typing


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The networks and the face they deform.

    Attributes:
        face_model: name of an embedded face, or path of a converted one.
        image_size: side of the square input image in pixels.
        uv_size: (height, width) of the shape and albedo maps.
        width: channels of the first convolution; 32 in the paper.
        shape_code_size: length of the shape code; 160 in the paper.
        albedo_code_size: length of the albedo code; 160 in the paper.
        plan: "full", the paper's layers, or "light": one stride-2 and one stride-1 convolution per
            scale and one shared head convolution, for CPUs.
        shape_decoder: "conv" (TPAMI 2019: a UV map) or "mlp" (CVPR 2018: a vector of vertices).
        lighting: True: albedo times spherical-harmonics light (TPAMI 2019); False: a texture with
            the light baked in (CVPR 2018).
        silhouette_gradient: let the image loss feel outlines move (antialiased rendering).
    """

    face_model: str = "makehuman"
    image_size: int = 112
    uv_size: tuple[int, int] = (96, 112)
    width: int = 16
    shape_code_size: int = 80
    albedo_code_size: int = 80
    plan: str = "light"
    shape_decoder: str = "conv"
    lighting: bool = True
    silhouette_gradient: bool = False


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """One weight per loss term, of the same name; 0 leaves the term out. See `losses`."""

    projection: float = 5.0
    shape: float = 10.0
    texture: float = 1.0
    reconstruction: float = 0.0
    landmarks: float = 1.0
    symmetry: float = 1.0
    constancy: float = 5.0
    local_constancy: float = 0.0
    smoothness: float = 1000.0
    white_shading: float = 10.0
    adversarial: float = 0.0
    perceptual: float = 0.0


@dataclasses.dataclass(frozen=True)
class StageConfig:
    """One stage of training.

    Attributes:
        steps: optimizer steps of this stage.
        learning_rate: of Adam (beta_1 0.5), both optimizers.
        warmup_steps: the rate rises linearly over the first steps of the stage.
        final_rate: the rate falls along half a cosine to this fraction at the stage's end; 1 keeps
            it constant.
        alternating: odd steps train the encoder alone, with landmarks; even steps everything,
            without landmarks.
        loss: weights of the terms.
    """

    steps: int = 1000
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    final_rate: float = 1.0
    alternating: bool = True
    loss: LossConfig = LossConfig()


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where examples come from.

    Attributes:
        sources: data set names, comma separated; `photo_folder:PATH` takes a path.
        mix: relative number of examples of each source in a batch.
        labels: "truth", or "teacher": the fits of a linear 3DMM of 200 scans (weak supervision).
        train_examples, validation_examples, test_examples: how many faces to generate.
        folder: where prepared data lies.
        jitter_scale, jitter_shift: training crops vary by this fraction of the crop's side.
        mirror: mirror half of the training examples.
        photometric: strength, 0 to 1, of random brightness, contrast and greying.
        strict: stop at a bad record instead of skipping it.
    """

    sources: str = "synthetic_faces"
    mix: str = "1"
    labels: str = "truth"
    train_examples: int = 6000
    validation_examples: int = 256
    test_examples: int = 512
    folder: str = "data"
    jitter_scale: float = 0.10
    jitter_shift: float = 0.08
    mirror: bool = True
    photometric: float = 0.0
    strict: bool = False


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The loop.

    Attributes:
        batch_size: examples of one step, over all replicas.
        seed: of everything random.
        optimizer: "adam" (beta_1 0.5) or "sgd".
        clip_norm: global norm of gradients after the all-reduce; 0 turns clipping off.
        ema_decay: validation uses weights averaged over about 1 / (1 - ema_decay) steps; 0 turns
            averaging off.
        log_every, panel_every, validate_every: steps.
        checkpoint_minutes: time between checkpoints.
        keep_checkpoints: how many of the last ones stay, beside the best.
    """

    batch_size: int = 16
    seed: int = 0
    optimizer: str = "adam"
    clip_norm: float = 0.0
    ema_decay: float = 0.99
    log_every: int = 20
    panel_every: int = 500
    validate_every: int = 500
    checkpoint_minutes: float = 5.0
    keep_checkpoints: int = 3


FINETUNE_LOSS = LossConfig(
    projection=0.5, shape=1.0, texture=0.0, reconstruction=10.0, local_constancy=10.0
)


@dataclasses.dataclass(frozen=True)
class Config:
    """All a run depends on."""

    preset: str = "small"
    model: ModelConfig = ModelConfig()
    pretrain: StageConfig = StageConfig()
    finetune: StageConfig = StageConfig(loss=FINETUNE_LOSS)
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()


def to_dict(config):
    """A `Config` as plain dicts, for JSON."""
    return dataclasses.asdict(config)


def from_dict(values, kind=Config):
    """The inverse of `to_dict`; an unknown name raises `ValueError` with the nearest one."""
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    arguments = {}
    for name, value in values.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ValueError(f"`{name}` is not a field of {kind.__name__}{hint}")
        if dataclasses.is_dataclass(hints[name]):
            value = from_dict(value, hints[name])
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return kind(**arguments)
