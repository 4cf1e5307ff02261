"""From device files and public data sets to the contract's Sessions and Streams."""
