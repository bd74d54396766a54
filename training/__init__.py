"""Training of the models that ship with Plimsoll; the server imports nothing from here."""
