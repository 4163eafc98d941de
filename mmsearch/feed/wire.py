"""Objects through a pipe: a pickle, then the bytes of its arrays as they are, which are copied once on each side.

Both ends are processes of ours, but one of them runs decoders over files from anywhere. So the other end makes nothing
but the plain data it expects, of which no byte of a pickle can make it call anything else. A pipe needs no clean-up
after a kill, as shared memory does, and moves a picture of 768 x 768 pixels in about a millisecond.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
MOST_PIECES = 1024
"""Of one object: its pickle and its arrays, of which the largest, a clip, has two."""
MOST_BYTES = 2 << 30
"""Of one object: more than twice the largest picture that is read, so what says more is not to be believed."""
_KNOWN = {
    "mmsearch.core": {"Audio", "Clip", "Facts", "Fit", "Item", "LoaderSettings", "Segment", "Span"},
    "mmsearch.feed.reading": {
        *("Failed", "Finished", "Identified", "Opened", "Part", "Reader", "Request", "Timed"),
    },
    "mmsearch.feed.worker": {"Note", "Ready", "Setup", "Taken"},
    "mmsearch.media.base": {"Kind"},
    "mmsearch.scan": {"Entry"},
    "builtins": {"bytearray", "frozenset"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
}
"""What may be made: the messages, what they hold, and numpy's arrays under the names of its versions."""


def send(stream: BinaryIO, value: Any) -> None:
    """Write one object; the stream is unbuffered or gets flushed."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    views = [memoryview(head), *(array.raw() for array in arrays)]
    stream.write(_COUNT.pack(len(views)) + b"".join(_SIZE.pack(view.nbytes) for view in views) + head)
    for view in views[1:]:
        stream.write(view)
    stream.flush()


def receive(stream: BinaryIO, admit: Callable[[int], None] = lambda size: None) -> Any:
    """Read one object; its arrays may be written to.

    Args:
        stream: the other end of what `send` writes to.
        admit: is told the bytes that the object takes before they are read, and may wait with its return.

    Raises:
        EOFError: the other side has gone, perhaps in the middle of an object.
        pickle.UnpicklingError: it sends what is none of the messages. What else a broken pickle raises is no EOFError.
    """
    (count,) = _COUNT.unpack(_exactly(stream, _COUNT.size))
    if not 0 < count <= MOST_PIECES:
        raise pickle.UnpicklingError(f"an object of {count} pieces")
    sizes = _exactly(stream, _SIZE.size * count)
    lengths = [size for (size,) in _SIZE.iter_unpack(sizes)]
    if sum(lengths) > MOST_BYTES:
        raise pickle.UnpicklingError(f"an object of {sum(lengths)} bytes")
    admit(sum(lengths))
    head, *arrays = [_exactly(stream, length) for length in lengths]
    return _Plain(io.BytesIO(head), buffers=arrays).load()


class _Plain(pickle.Unpickler):
    """Makes the messages and what they hold, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        if name not in _KNOWN.get(module, ()):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a message")
        return super().find_class(module, name)


def _exactly(stream: BinaryIO, size: int) -> bytearray:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        read = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        filled += read
    return data
