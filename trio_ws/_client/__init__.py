"""The client: from a URL to an open connection.

`connect` is the door; `attempt` goes through name lookup, TCP, TLS and the HTTP upgrade.
"""
