"""The whole service against clients that do not keep to HTTP, over real sockets and through real proxies."""
