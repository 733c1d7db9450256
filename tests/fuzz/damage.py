"""Random changes of bytes, for files of any kind."""

from random import Random

_PIECES = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b'"', b",", b"{", b"[", b"9" * 30, b"nan", b"\xc3"),
    *(b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f", b"\x1b[2J", b"\xed\xa0\x80"),
)


def damage(content: bytes, random: Random) -> bytes:
    """Change, delete, insert or copy one to six pieces of the content, or cut off its end."""
    damaged = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(damaged))
        width = random.choice((1, 1, 2, 4, 16, 64))
        piece = random.choice(_PIECES)
        kind = random.randrange(6)
        if kind == 0 and damaged:
            damaged[at % len(damaged)] ^= 1 << random.randrange(8)
        elif kind == 1:
            damaged[at : at + len(piece)] = piece
        elif kind == 2:
            damaged[at:at] = piece
        elif kind == 3:
            del damaged[at : at + width]
        elif kind == 4:
            start = random.randint(0, len(damaged))
            damaged[at:at] = damaged[start : start + width]
        elif random.random() < 0.3:
            del damaged[at:]
    return bytes(damaged)
