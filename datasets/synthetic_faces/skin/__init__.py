"""The albedo map: skin, creases, make-up, eyes and the inside of the mouth."""
