"""From light to a photograph."""
