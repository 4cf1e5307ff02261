"""Chapter 11: from a trained student to what runs on a wrist, or in a page."""
