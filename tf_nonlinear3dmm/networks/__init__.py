"""Image to codes (encoder), codes to maps (decoders), and the networks that judge pictures."""
