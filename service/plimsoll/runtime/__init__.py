"""Runs models. The only room that imports torch; `devices` and `loading` import it when they are called."""
