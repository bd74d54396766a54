"""Access control: API keys and their scopes."""
