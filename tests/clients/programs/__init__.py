"""Programs that call a client. They run in the environment of the clients and import nothing of the service."""
