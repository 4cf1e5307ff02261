"""Files of devices and apps, each format by its reader, to one ``Recording``."""
