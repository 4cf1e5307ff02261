"""What a network must beat: ``sessions`` (rows of a table) and ``windows``."""
