"""A frame by hand: the text "Hello" from a client, with the key that RFC 6455 §5.7 uses."""

from __future__ import annotations

PAYLOAD = b"Hello"
KEY = bytes.fromhex("37fa213d")  # a real client draws a new key for each frame


def bits(number: int) -> str:
    return f"{number:08b}"


def main() -> bytes:
    fin, text, mask = 0b1000_0000, 0x1, 0b1000_0000
    first, second = fin | text, mask | len(PAYLOAD)
    print(f"byte 1: {bits(first)}  FIN is set, three reserved bits are not, opcode {text} is text")
    print(f"byte 2: {bits(second)}  MASK is set, the length is {len(PAYLOAD)}")
    print(f"bytes 3 to 6: the key  {KEY.hex(' ')}")
    masked = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(PAYLOAD))
    for index, byte in enumerate(PAYLOAD):
        print(f"  {byte:02x} {chr(byte)!r} xor {KEY[index % 4]:02x} is {masked[index]:02x}")
    frame = bytes([first, second]) + KEY + masked
    print("the frame:", frame.hex(" "))
    return frame


if __name__ == "__main__":
    main()
