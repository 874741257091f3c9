"""Making TensorFlow's results the same on a laptop and in a container, whatever number of cores there is."""

from __future__ import annotations

import contextlib

_THREADS = 2
"""Into how many pieces a sum is cut. The order of additions, and so the last bit, hangs on it."""


def make_tensorflow_repeatable(*, on_gpu: bool = False) -> None:
    """Fix what TensorFlow would take from the machine: the number of threads, operations that race, GPUs.

    A GPU adds in another order than a processor does. Only training gains from one; everything else leaves it alone, so
    that a feature or a score is the same on every machine, and no task takes seconds for a GPU it never uses.

    Must come before TensorFlow has computed anything in this process; where it has (several components in one test
    process), threads and GPUs stay as they are. Different processor families may still differ in the last bit.

    Args:
        on_gpu: Whether to compute on GPUs where there are any.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(_THREADS)
    if not on_gpu:
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    tf.config.experimental.enable_op_determinism()
