"""One module an experiment: frozen arms, one job → rows of Scores; one runner; accepted tables."""
