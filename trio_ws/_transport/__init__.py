"""Streams of bytes, and where they come from.

`base` says what a connection needs of a stream;
`socket`, `tls_transport` and `stream` are the three kinds of it, and `adapter` chooses.
TLS on a socket is ours: `tls_session` does it in memory, `tls_transport` moves the bytes.
TLS on anything else is Trio's, and `tls` shows its progress.  `tls_choice` chooses.
`read_buffer` is where all sockets of a run are read into, and `poller` waits for all of them,
but for those that are `lent`.
`network` is where streams come from: `tcp`, unless a test or a proxy stands in its place.
`listening` accepts; `addresses` are the ends of a stream.
"""
