"""The photographic camera: blur, noise, 8 bits, JPEG."""

import io

import numpy as np
import PIL.Image
import scipy.ndimage


def photograph(random, image):
    """JPEG bytes of an image `[H, W, 3]` of light, as a plain camera would take it."""
    sigma = random.gamma(2.0, 0.22) if random.uniform() < 0.7 else 0.0
    if sigma > 0.15:
        image = scipy.ndimage.gaussian_filter(image, (sigma, sigma, 0), truncate=2.5)
    noise = random.gamma(2.0, 0.005)
    grain = random.standard_normal(image.shape, np.float32)
    image = image + noise * np.sqrt(np.clip(image, 0.05, 1)) * grain
    pixels = np.clip(np.round(image * 255), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    quality, subsampling = int(random.integers(65, 99)), int(random.choice([0, 2]))
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()
