"""Models to compare with: linear 3DMM, SDM, 3DDFA."""
