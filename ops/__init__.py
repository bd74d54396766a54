"""What operators of Plimsoll use beside it: dashboards, rules, runbooks. The server imports nothing from here."""
