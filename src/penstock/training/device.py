"""What the training runs on."""

from __future__ import annotations

from penstock.artifacts.repeatable import make_tensorflow_repeatable


def prepare() -> str:
    """Make TensorFlow repeatable and, where there is a GPU, modest with its memory.

    Returns:
        The device's name, for people.
    """
    import tensorflow as tf

    make_tensorflow_repeatable(on_gpu=True)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return "CPU"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
