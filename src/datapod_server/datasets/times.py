"""Times of recorded cells: coarsened once, while recording."""

from __future__ import annotations

import numpy
import numpy.typing

from datapod_server.errors import Invalid

Float64s = numpy.typing.NDArray[numpy.float64]


def quantise(seconds: Float64s, quantum: float) -> Float64s:
    """Coarsen times to the resolution of a sparse dataset.

    Args:
        seconds: Since 1970-01-01T00:00:00Z; infinities and NaN ("not a date") pass through.
        quantum: In seconds. Up to 1 the nearest multiple is taken (the later one of two), above 1 the one below.

    Raises:
        Invalid: `quantum` is not positive, or above 1 and not whole.

    Source: datasets-and-procedures.md, 3.3.

    >>> quantise(numpy.array([20.956, 119.0]), 1.0).tolist(), quantise(numpy.array([119.0]), 60.0).tolist()
    ([21.0, 119.0], [60.0])
    """
    if not quantum > 0:
        raise Invalid("timeQuantumSeconds must be positive")
    if quantum > 1:
        if quantum != int(quantum):
            raise Invalid("non-integral numbers of seconds not supported")
        return numpy.asarray(numpy.floor(seconds / quantum) * quantum)
    # For 0.1, 0.01 ... dividing by a whole number gives the double that is printed shortest; multiplying by 0.1 would not.
    parts = round(1 / quantum)
    if abs(1 / quantum - parts) < 1e-9 * parts:
        return numpy.asarray(numpy.floor(seconds * parts + 0.5) / parts)
    return numpy.asarray(numpy.floor(seconds / quantum + 0.5) * quantum)
