"""A recording as one document: numbers, warnings and the story in words."""
