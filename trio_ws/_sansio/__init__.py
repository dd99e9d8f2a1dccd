"""The protocol, pure: bytes and commands in, bytes and happenings out.

No I/O, no clock, no chance but the mask keys.
`wsproto` and `h11` are imported in this package and nowhere else,
and none of their exceptions leaves it.
"""
