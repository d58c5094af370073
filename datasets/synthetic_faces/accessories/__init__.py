"""What a person wears or holds before the face: glasses, hats, clothes, occluders."""
