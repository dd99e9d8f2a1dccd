"""Streams of bytes, and where they come from.

`base` says what a connection needs of a stream; `socket` and `stream` are the two kinds of it,
and `adapter` chooses; `tls` is TLS that shows its progress.
`read_buffer` is where all sockets of a run are read into, and `poller` waits for all of them,
but for those that are `lent`.
`network` is where streams come from: `tcp`, unless a test or a proxy stands in its place.
`listening` accepts; `addresses` are the ends of a stream.
"""
