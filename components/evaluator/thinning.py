"""A line through few points that looks like the line through all."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]


def thin(x: Array, y: Array, most: int) -> npt.NDArray[np.int64]:
    """Choose points of a line so that what is left out lies close to what is left.

    Both ends stay; then, again and again, the point that lies farthest from the line drawn so far. Corners and
    peaks are therefore kept, and points on straight stretches go.

    Args:
        x: Shape (n_points,), in the order of drawing, in units such that a step as long as in `y` counts as much.
        y: Shape (n_points,).
        most: Points to keep at most, at least 2.

    Returns:
        Indices of the points that are kept, rising, shape (min(n_points, most),) or fewer where the rest changes
        nothing.

    Source:
        Douglas and Peucker, "Algorithms for the reduction of the number of points required to represent a digitized
        line or its caricature", Cartographica 10 (1973), stopped by the number of points.

    Example:
        >>> import numpy
        >>> thin(numpy.array([0.0, 1, 2, 3, 4]), numpy.array([0.0, 0, 5, 0, 0]), 5).tolist()
        [0, 1, 2, 3, 4]
        >>> thin(numpy.array([0.0, 1, 2, 3, 4]), numpy.array([0.0, 1, 2, 3, 4]), 4).tolist()
        [0, 4]
    """
    import numpy as np

    if len(x) <= 2:
        return np.arange(len(x))
    kept = [0, len(x) - 1]
    waiting = [_farthest(x, y, 0, len(x) - 1)]
    while len(kept) < most and waiting:
        distance, at, start, stop = heapq.heappop(waiting)
        if distance == 0:
            break
        kept.append(at)
        for left, right in ((start, at), (at, stop)):
            if right - left > 1:
                heapq.heappush(waiting, _farthest(x, y, left, right))
    return np.array(sorted(kept))


def _farthest(x: Array, y: Array, start: int, stop: int) -> tuple[float, int, int, int]:
    """The point farthest from the chord of a stretch: its distance, negative for the heap, and where it is."""
    import numpy as np

    dx, dy = x[stop] - x[start], y[stop] - y[start]
    across, along = x[start + 1 : stop] - x[start], y[start + 1 : stop] - y[start]
    chord = float(np.hypot(dx, dy))
    distance = np.abs(across * dy - along * dx) / chord if chord else np.hypot(across, along)
    at = int(np.argmax(distance))
    return -float(distance[at]), start + 1 + at, start, stop
