"""The clients of other servers, as they are published, against this one."""
