"""Every figure of the book, one module a topic; each function returns its ``fig``."""
