"""Making TensorFlow's results the same on a laptop and in a container, whatever number of cores there is."""

from __future__ import annotations

import contextlib

_THREADS = 2
"""Into how many pieces a sum is cut. The order of additions, and so the last bit, hangs on it."""


def make_tensorflow_repeatable() -> None:
    """Fix what TensorFlow would take from the machine: the number of threads, and operations that race.

    Must come before TensorFlow has computed anything in this process; where it has (several components in one test
    process), the threads stay as they are. Different processor families may still differ in the last bit.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(_THREADS)
    tf.config.experimental.enable_op_determinism()
