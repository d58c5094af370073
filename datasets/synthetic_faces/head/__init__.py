"""The skull, neck and shoulders that continue the face."""
