"""What a connection does to its messages by agreement (RFC 6455 §9).

An `Extension` is offered and accepted in the opening handshake (`_handshake.extensions`).
What comes of it is a codec for that connection, which encodes and decodes payloads (`base`).
"""
