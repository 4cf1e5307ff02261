"""From what an athlete has done to a ranked, explained week, and what feedback makes of it."""
