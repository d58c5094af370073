"""Who is in the image: identity, expression, and how the person looks."""
