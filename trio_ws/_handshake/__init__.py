"""How a connection comes about: the HTTP upgrade (RFC 6455 §4), bytes in, bytes out, no I/O.

`client` writes the request and checks the answer, `server` checks the request and answers it;
`opening` is what both have agreed on.  h11 parses HTTP (`h11_codec`),
except for plain heads, which `fast_heads` reads in a tenth of the time.
"""
