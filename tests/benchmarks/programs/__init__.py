"""A program for each peer: its echo server, and its client.

Each says what it would if its own documentation had been asked for the fastest plain way;
messages are handed to the application as `str` or `bytes`, and sent as they were received.
Compression is off everywhere, and so are heartbeats, except where a cell asks for them;
all other settings are the libraries' own.
"""
