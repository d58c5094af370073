"""What only maintainers run: benchmarks, and making a release of trained weights."""
