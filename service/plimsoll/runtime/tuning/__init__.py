"""Makes faster forms of a bundle's model, measures them, and keeps one that has not lost its answers."""
