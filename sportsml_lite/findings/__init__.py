"""What a page says of a study, computed from its Scores: one module a chapter."""
