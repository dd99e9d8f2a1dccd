"""The server: from a port to handlers.

`serve` is the door; `server` accepts and drains; `admission` limits how many are inside;
`upgrade` takes one newcomer through TLS and HTTP; `handler` runs the user's function.
"""
