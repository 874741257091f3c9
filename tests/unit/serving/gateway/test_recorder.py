"""Writing the log: nothing waits for it, what is lost is counted, and it keeps to its share of the disk."""

import threading
import time
from dataclasses import asdict

import pytest

from penstock.serving.gateway.exchange import Exchange
from penstock.serving.gateway.messages import Answer, Request
from penstock.serving.gateway.recorder import Recorder, RecorderLimits, write_file
from penstock.serving.prediction_log import log_files, read_predictions


def exchange(number, size=0):
    request = Request(b"POST", b"/v1/models/m:predict", [], b'{"instances": [{}]}' + b" " * size, 1.0, f"id-{number}")
    more = {"role": "stable", "assigned": "stable", "backend": "a", "digest": "", "step": "", "route_revision": 1}
    return Exchange(request, Answer(200, [], b"{}"), "", attempt=1, delivered=True, latency_seconds=0.1, **more)


def test_everything_that_is_offered_is_written_in_order(tmp_path):
    recorder = Recorder(tmp_path / "log", RecorderLimits(file_records=40))
    for number in range(100):
        recorder.offer(exchange(number))
    recorder.close()
    files = log_files(tmp_path / "log")
    assert len(files) >= 3
    assert [r.request_id for r in read_predictions(files)] == [f"id-{n}" for n in range(100)]
    assert asdict(recorder.counts) == {
        "offered": 100, "written": 100, "dropped_full": 0, "dropped_failed": 0, "files_removed": 0,
    }  # fmt: skip


def test_a_file_is_there_soon_though_little_comes(tmp_path):
    recorder = Recorder(tmp_path, RecorderLimits(file_seconds=0.05))
    recorder.offer(exchange(1))
    end = time.monotonic() + 20
    while not log_files(tmp_path) and time.monotonic() < end:
        time.sleep(0.01)
    assert len(list(read_predictions(log_files(tmp_path)))) == 1
    recorder.close()


@pytest.mark.parametrize(
    ("limits", "size"),
    [(RecorderLimits(queue_records=10, file_records=5), 0), (RecorderLimits(queue_bytes=50_000, file_records=5), 3000)],
)
def test_a_slow_sink_makes_nobody_wait_and_what_does_not_fit_is_counted(tmp_path, limits, size):
    door, written = threading.Event(), []

    def slow(_, records):
        door.wait(30)
        written.extend(records)

    recorder = Recorder(tmp_path, limits, slow)
    for number in range(1000):
        recorder.offer(exchange(number, size))
    assert not written
    assert recorder.counts.dropped_full >= 950
    door.set()
    recorder.close()
    counts = recorder.counts
    assert counts.written == len(written)
    assert counts.written + counts.dropped_full == 1000


def test_what_cannot_be_written_is_counted_and_the_next_file_tried(tmp_path, capsys):
    calls = []

    def full_disk_at_first(path, records):
        calls.append(len(records))
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        write_file(path, records)

    recorder = Recorder(tmp_path, RecorderLimits(file_records=10), full_disk_at_first)
    for number in range(20):
        recorder.offer(exchange(number))
    recorder.close()
    assert recorder.counts.dropped_failed + recorder.counts.written == 20
    assert recorder.counts.dropped_failed == calls[0]
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


def test_the_oldest_files_make_room(tmp_path):
    recorder = Recorder(tmp_path, RecorderLimits(file_records=1, folder_bytes=1))
    for number in range(5):
        recorder.offer(exchange(number))
    recorder.close()
    assert [r.request_id for r in read_predictions(log_files(tmp_path))] == ["id-4"]
    assert recorder.counts.files_removed == 4
