"""Public data sets and the reader's own tables, one loader each."""
