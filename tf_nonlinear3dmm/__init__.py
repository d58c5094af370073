"""The Nonlinear 3D Face Morphable Model in TensorFlow 2."""
