"""A task's `Placement` as KFP knows it: settings of its own, and those of kfp-kubernetes for clusters alone."""

from __future__ import annotations

from typing import Any

from kfp import kubernetes

from penstock.authoring.config import Execution
from penstock.authoring.placing import Placement

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the name that libraries look for


def surround(task: Any, placement: Placement) -> None:
    """Set on KFP's task everything that surrounds it but its image, which is the component's."""
    task.set_caching_options(placement.caching)
    _set_execution(task, placement.execution)
    if placement.accelerator:
        type_, count = placement.accelerator
        task.set_accelerator_type(type_)
        task.set_accelerator_limit(count)
    if placement.variables:
        # Not by set_env_variable, which looks up the source of every function on the stack, for each of them: seconds.
        task.container_spec.env = {**(task.container_spec.env or {}), **placement.variables}
    _set_pod(task, placement)
    _set_volumes(task, placement)


def _set_execution(task: Any, execution: Execution) -> None:
    if execution.retries:
        task.set_retry(execution.retries, backoff_duration=f"{execution.backoff_seconds}s", backoff_factor=2.0)
    for setting in ("cpu_request", "cpu_limit", "memory_request", "memory_limit"):
        if quantity := getattr(execution, setting):
            getattr(task, f"set_{setting}")(quantity)


def _set_pod(task: Any, placement: Placement) -> None:
    if placement.pull_policy:
        kubernetes.set_image_pull_policy(task, placement.pull_policy)
    if placement.pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(placement.pull_secrets))
    if placement.timeout_seconds:
        kubernetes.set_timeout(task, placement.timeout_seconds)
    for label, value in placement.node_selector.items():
        kubernetes.add_node_selector(task, label, value)
    for taint in placement.tolerations:
        kubernetes.add_toleration(task, taint.key, taint.operator, taint.value or None, taint.effect or None)
    for name, path in placement.field_paths.items():
        kubernetes.use_field_path_as_env(task, name, path)
    for variable in placement.secret_variables:
        kubernetes.use_secret_as_env(task, variable.secret, {variable.key: variable.name})


def _set_volumes(task: Any, placement: Placement) -> None:
    for files in placement.secret_files:
        kubernetes.use_secret_as_volume(task, files.secret, files.path)
    for claim, path in placement.claims.items():
        kubernetes.mount_pvc(task, claim, path)
    if placement.shared_memory:
        kubernetes.empty_dir_mount(task, "shm", _SHARED_MEMORY, "Memory", placement.shared_memory)
