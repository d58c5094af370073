"""Everything that a person wears on the head, carried to the person's own head."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import eyewear, hair, head, locks, shell, wig


def dress(stage, neutral, maps, looks):
    """The sheets of hair, hats and glasses: for every picture a list of `sheets.Sheet`.

    Args:
        stage: `stage.Stage`.
        neutral: `[B, V, 3]` faces without expression.
        maps: `[B, 4, 3]` `head.affine` of these.
        looks: `look.Look` of each; one person's pictures share theirs.
    """
    done = {}
    for i, look in enumerate(looks):
        if id(look) not in done:
            worn = _hair(stage, neutral[i], maps[i], look.style)
            worn = [s._replace(vertices=head.carry(s.vertices, maps[i : i + 1])[0]) for s in worn]
            if look.glasses.worn:
                worn += eyewear.fit(look.glasses, neutral[i, stage.contours])
            done[id(look)] = [s._replace(vertices=s.vertices.astype(np.float32)) for s in worn]
    return [done[id(look)] for look in looks]


def _hair(stage, neutral, carried, style):
    """The sheets of hair and hats around the mean face."""
    worn = []
    if style.kind in stage.wigs:
        moved = neutral - head.carry(stage.mean, carried[np.newaxis])[0]
        moved = moved @ np.linalg.inv(carried[:3])
        worn.append(wig.sheet(stage.wigs[style.kind], style, moved, stage.mirror, stage.noise))
    elif style.kind in hair.SHELLS + hair.CLOTH:
        worn.append(shell.sheet(style, stage.noise))
    lock = locks.sheet(style, stage.lock)
    worn += [lock] if lock else []
    worn += shell.hat(style) if style.hat else []
    return worn
