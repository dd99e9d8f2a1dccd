"""Streams of bytes, and where they come from.

`base` reads in big gulps and writes without a checkpoint where it can; `tls` is TLS that shows
its progress; `network` connects over TCP; `listening` accepts.
"""
