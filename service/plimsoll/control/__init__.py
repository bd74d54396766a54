"""Which versions should serve, which do, and how one becomes the other."""
