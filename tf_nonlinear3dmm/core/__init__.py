"""What every room may use: shape checks, Keras' state, replicas, deterministic sums, file names."""
