"""Who is at the other end of a Unix socket, as the kernel tells it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """`pid` is None where the system does not tell it."""

    uid: int
    pid: int | None


def peer_of(connection: socket.socket) -> Peer:
    """The process that connected, or that listens.

    Raises:
        OSError: the system cannot tell.
    """
    if hasattr(socket, "SO_PEERCRED"):
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return Peer(uid, pid or None)
    # BSD and macOS: struct xucred { u_int cr_version; uid_t cr_uid; … } by LOCAL_PEERCRED (1) of level SOL_LOCAL (0)
    _, uid = struct.unpack_from("Ii", connection.getsockopt(0, 1, 76))
    return Peer(uid, None)
