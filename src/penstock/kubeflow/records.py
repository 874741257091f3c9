"""What the API server of Kubeflow Pipelines says of runs, versions and recurring runs, as frozen values.

Its answers grow with every release, so what is not known here is passed over.

Source:
    kubeflow/pipelines: backend/api/v2beta1/{run,pipeline,experiment,recurring_run}.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class RunState(StrEnum):
    """How far a run or a task of it is: RuntimeState of run.proto."""

    UNKNOWN = "RUNTIME_STATE_UNSPECIFIED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    PAUSED = "PAUSED"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self in (RunState.SUCCEEDED, RunState.SKIPPED, RunState.FAILED, RunState.CANCELED)

    @property
    def word(self) -> str:
        """What people read."""
        return "unknown" if self is RunState.UNKNOWN else self.lower()

    @classmethod
    def _missing_(cls, value: object) -> RunState:
        return cls.UNKNOWN


_NEVER = ("1970-01-01T00:00:00", "0001-01-01T00:00:00")


def _when(value: Any) -> Any:
    """A time that is none: the server says 1970, of a task the year 1, where it means that there is none yet."""
    return None if isinstance(value, str) and value.startswith(_NEVER) else value


Time = Annotated[datetime | None, BeforeValidator(_when)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Error(_Answer):
    """A google.rpc.Status."""

    code: int = 0
    message: str = ""


class Experiment(_Answer):
    """Where runs are listed together."""

    experiment_id: str
    display_name: str = ""


class Pipeline(_Answer):
    """A pipeline, which has versions."""

    pipeline_id: str
    name: str = ""
    display_name: str = ""


class PipelineVersion(_Answer):
    """One compiled pipeline as it was uploaded."""

    pipeline_id: str
    pipeline_version_id: str
    name: str = ""
    display_name: str = ""
    description: str = ""
    created_at: Time = None
    pipeline_spec: Mapping[str, Any] = Field(default_factory=dict)
    """The PipelineSpec; with a PlatformSpec beside it, both of them by their names. Not in lists of versions."""


class VersionReference(_Answer):
    """Which version; the newest of the pipeline when no version is named."""

    pipeline_id: str = ""
    pipeline_version_id: str = ""


class ChildTask(_Answer):
    """What comes after a node, or is in it."""

    pod_name: str = ""
    """The node as the workflow engine calls it; a pod's name only by accident."""


class TaskDetail(_Answer):
    """One node of a run: a task, its driver, its pod, or a graph."""

    task_id: str
    display_name: str = ""
    state: RunState = RunState.UNKNOWN
    start_time: Time = None
    end_time: Time = None
    child_tasks: tuple[ChildTask, ...] = ()


class RunDetails(_Answer):
    """What a run consists of."""

    task_details: tuple[TaskDetail, ...] = ()


class RuntimeConfig(_Answer):
    """What a run was given."""

    parameters: Mapping[str, Any] = Field(default_factory=dict)
    pipeline_root: str = ""


class Run(_Answer):
    """One run."""

    run_id: str
    display_name: str = ""
    experiment_id: str = ""
    recurring_run_id: str = ""
    state: RunState = RunState.UNKNOWN
    created_at: Time = None
    finished_at: Time = None
    error: Error = Error()
    pipeline_version_reference: VersionReference = VersionReference()
    runtime_config: RuntimeConfig = RuntimeConfig()
    run_details: RunDetails = RunDetails()

    def seconds(self, now: datetime | None = None) -> float | None:
        """How long it took, or has taken until now [s]; None where that cannot be told."""
        end = self.finished_at or now
        if self.created_at is None or end is None:
            return None
        return max(0.0, (end.astimezone(UTC) - self.created_at.astimezone(UTC)).total_seconds())


class CronSchedule(_Answer):
    """A cron line of six fields, seconds first."""

    cron: str = ""
    start_time: Time = None
    end_time: Time = None


class PeriodicSchedule(_Answer):
    """Again and again after so many seconds."""

    interval_second: int = 0
    start_time: Time = None
    end_time: Time = None


class Trigger(_Answer):
    """When a recurring run starts runs."""

    cron_schedule: CronSchedule | None = None
    periodic_schedule: PeriodicSchedule | None = None


class RecurringRun(_Answer):
    """One recurring run."""

    recurring_run_id: str
    display_name: str = ""
    description: str = ""
    experiment_id: str = ""
    namespace: str = ""
    service_account: str = ""
    max_concurrency: int = 1
    no_catchup: bool = False
    status: str = ""
    """ENABLED or DISABLED."""
    created_at: Time = None
    trigger: Trigger = Trigger()
    pipeline_version_reference: VersionReference = VersionReference()
    runtime_config: RuntimeConfig = RuntimeConfig()

    @property
    def enabled(self) -> bool:
        """Whether it starts runs."""
        return self.status == "ENABLED"
