"""Messages within a video stream: cameras and recorders write names, places and times there."""

from __future__ import annotations

import re

USER_DATA = (4, 5)
"""SEI payloads that hold anybody's bytes: registered by ITU-T T.35, and unregistered (H.264 and H.265 Annex D)."""
_MPEG4 = re.compile(rb"\x00\x00\x01\xb2(?!Lavc|XviD|DivX)")
"""User data of MPEG-4 Part 2 that isn't the encoder's name."""
_OBU_METADATA = 5


class Muter:
    """Takes the messages out of packets of one stream, as an MP4 holds them (`extradata` is the sample description).

    Pixels stay the same: what decoders need, such as recovery points, is kept. `refuses` where that can't be done.
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self.refuses = False
        self._header = {"h264": 1, "hevc": 2}.get(codec, 0)
        at = {"h264": 4, "hevc": 21}.get(codec)
        if at is not None:
            self.refuses = len(extradata) <= at or extradata[0] != 1  # start codes instead of lengths
            self._length = 1 if self.refuses else (extradata[at] & 3) + 1
            self.refuses = self.refuses or (codec == "hevc" and _describes_more(extradata))
        elif codec == "mpeg4":
            self.refuses = _MPEG4.search(extradata) is not None

    def muted(self, packet: bytes) -> bytes | None:
        """The packet without messages; None where it can't be taken apart."""
        if self._codec == "mpeg4":
            return None if _MPEG4.search(packet) else packet
        if self._codec == "av1":
            return _without_metadata(packet)
        return self._without_sei(packet) if self._header else packet

    def _without_sei(self, packet: bytes) -> bytes | None:
        kept, at, cut = [], 0, False
        while at < len(packet):
            behind = at + self._length + int.from_bytes(packet[at : at + self._length], "big")
            unit = packet[at + self._length : behind]
            if behind > len(packet) or len(unit) < self._header:
                return None
            if self._is_sei(unit[0]):
                kinds = _payloads(unit[self._header :].replace(b"\0\0\3", b"\0\0"))
                if any(kind in USER_DATA for kind in kinds):
                    if not all(kind in USER_DATA for kind in kinds):
                        return None
                    cut, at = True, behind
                    continue
            kept.append(packet[at:behind])
            at = behind
        return b"".join(kept) if cut else packet

    def _is_sei(self, first: int) -> bool:
        return first & 31 == 6 if self._codec == "h264" else first >> 1 & 63 in (39, 40)


def _payloads(data: bytes) -> list[int]:
    """The kinds of payload in an SEI message, which ends with a stop bit."""
    found, at = [], 0
    while at + 1 < len(data):
        kind, at = _number(data, at)
        size, at = _number(data, at)
        found.append(kind)
        at += size
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(data) and data[at] == 255:
        value, at = value + 255, at + 1
    return value + (data[at] if at < len(data) else 0), at + 1


def _describes_more(extradata: bytes) -> bool:
    """Whether an hvcC (ISO/IEC 14496-15, 8.3.3) holds messages that aren't the encoder's name."""
    at = 23
    for _ in range(extradata[22] if len(extradata) > 22 else 0):
        if at + 3 > len(extradata):
            return True
        kind, count = extradata[at] & 63, int.from_bytes(extradata[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            if kind in (39, 40) and b"x265" not in extradata[at + 2 : at + 2 + size]:
                return True
            at += 2 + size
    return False


def _without_metadata(packet: bytes) -> bytes | None:
    """An AV1 temporal unit without metadata OBUs (AV1 specification, 5.3); each states its size in an MP4."""
    kept, at, cut = [], 0, False
    while at < len(packet):
        head = packet[at]
        behind = at + (2 if head & 4 else 1)
        if not head & 2:
            return None
        size = shift = 0
        while True:
            if behind >= len(packet) or shift > 28:
                return None
            byte = packet[behind]
            size, shift, behind = size | (byte & 127) << shift, shift + 7, behind + 1
            if not byte & 128:
                break
        behind += size
        if behind > len(packet):
            return None
        if head >> 3 & 15 == _OBU_METADATA:
            cut = True
        else:
            kept.append(packet[at:behind])
        at = behind
    return b"".join(kept) if cut else packet
