"""Starting a pipeline: complete and compiled, or nothing at all."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from penstock.authoring.compiling import check_compiled
from penstock.authoring.starting import Request, start
from penstock.authoring.starting_folder import changed_files, check_name
from penstock.sdk import BadInput
from penstock.strict_yaml import read_yaml


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    rows = 300
    age = rng.integers(18, 80, rows)
    table = pa.table(
        {
            "Customer ID": [f"C{i:04d}" for i in range(rows)],
            "AGE": age,
            "age": age * 2 + rng.integers(0, 9, rows),
            'plan "x", y': rng.choice(["basic: a", "# plus", "pro\u2028"], rows),
            "größe\nin cm": rng.normal(170, 9, rows),
            "churned": np.where(rng.random(rows) < 1 / (1 + np.exp(0.1 * (age - 50))), "yes", "no"),
        }
    )
    path = tmp_path / "data.parquet"
    pa.parquet.write_table(table, path)
    return path


def request(data, name="churn", **more):
    return Request(name, str(data), "churned", **more)


def values_of(folder):
    return read_yaml(folder / "pipeline.yaml").value["tasks"]


def test_a_pipeline_is_complete_and_compiled(tmp_path, data):
    started = start(request(data), tmp_path)
    folder = tmp_path / "pipelines" / "churn"
    assert started.folder == folder
    assert set(started.files) == {
        "README.md", "__init__.py", "compiled.yaml", "pipeline.py", "pipeline.yaml", "schema.pbtxt",
    }  # fmt: skip
    assert check_compiled(folder) == ""
    parameters = read_yaml(folder / "compiled.yaml").value["root"]["inputDefinitions"]["parameters"]
    assert parameters
    assert all(one["isOptional"] and "defaultValue" in one and one["description"] for one in parameters.values())
    tasks = values_of(folder)
    assert tasks["ingest"]["sources"]["table"]["columns"] == {
        "customer_id": "Customer ID", "age_2": "AGE", "plan_x_y": 'plan "x", y', "grosse_in_cm": "größe\nin cm",
        "churned_as_given": "churned",
    }  # fmt: skip
    assert tasks["ingest"]["derive"] == {
        "churned": {"op": "position_in", "column": "churned_as_given", "values": ["no", "yes"]}
    }
    assert tasks["ingest"]["key"] == ["customer_id"]
    assert tasks["ingest"]["features"] == ["age_2", "age", "plan_x_y", "grosse_in_cm"]
    assert tasks["train"]["task"] == "binary"


def test_the_schema_is_of_what_ingest_puts_out(tmp_path, data):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    folder = start(request(data), tmp_path).folder
    schema = text_format.Parse((folder / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema())
    features = {feature.name: feature for feature in schema.feature}
    ingest = values_of(folder)["ingest"]
    assert list(features) == [*ingest["features"], "churned"]
    assert list(schema.string_domain[0].value) == ["# plus", "basic: a", "pro\u2028"]
    assert features["plan_x_y"].domain == "plan_x_y"
    assert features["plan_x_y"].distribution_constraints.min_domain_mass == pytest.approx(0.99)
    assert (features["churned"].int_domain.min, features["churned"].int_domain.max) == (0, 1)
    assert list(features["churned"].not_in_environment) == ["SERVING"]
    assert all(feature.presence.min_fraction == 1 for feature in schema.feature)


@pytest.mark.parametrize(
    ("rows", "tail", "bound"), [(2000, 0, (0.15, 0.2)), (2000, 2, (0.35, 0.8)), (60, 0, (0.8, 0.8))]
)
def test_values_may_move_as_far_as_chance_and_a_long_tail_move_them(tmp_path, rows, tail, bound):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    rng = np.random.default_rng(0)
    spent = np.exp(tail * rng.normal(size=rows)) if tail else rng.normal(size=rows)
    lines = [f"{value},{int(label)}" for value, label in zip(spent, rng.random(rows) < 0.5, strict=True)]
    (tmp_path / "t.csv").write_text("spent,left\n" + "\n".join(lines) + "\n")
    folder = start(Request("tails", str(tmp_path / "t.csv"), "left"), tmp_path).folder
    schema = text_format.Parse((folder / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema())
    [feature] = [feature for feature in schema.feature if feature.name == "spent"]
    least, most = bound
    assert least <= round(feature.drift_comparator.jensen_shannon_divergence.threshold, 6) <= most


def test_long_values_stand_whole_in_the_schema(tmp_path):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    values = ["x" * 200, "many words " * 20, *(f"hyphened-value-{n}-of-a-list" for n in range(10)), 'a "quoted"\ttext']
    rng = np.random.default_rng(0)
    table = {"c": rng.choice(values, 600), "x": rng.normal(size=600), "churned": rng.choice(["no", "yes"], 600)}
    pa.parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    folder = start(request(tmp_path / "t.parquet"), tmp_path).folder
    schema = text_format.Parse((folder / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema())
    assert list(schema.string_domain[0].value) == sorted(values)


def test_values_that_statistics_do_not_tell_apart_are_no_list(tmp_path):
    def lists(values):
        rng = np.random.default_rng(0)
        table = {"c": rng.choice(values, 600), "x": rng.normal(size=600), "churned": rng.choice(["no", "yes"], 600)}
        pa.parquet.write_table(pa.table(table), tmp_path / "t.parquet")
        folder = start(request(tmp_path / "t.parquet", force=True), tmp_path).folder
        return "string_domain" in (folder / "schema.pbtxt").read_text(encoding="utf-8")

    assert lists(["a", "x" * 1024])
    assert not lists(["a", "x" * 1025])


def test_the_readme_shows_a_request_by_safe_names(tmp_path, data):
    readme = (start(request(data), tmp_path).folder / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in readme.splitlines() if "curl" in line]
    [instance] = json.loads(line.split(" -d '")[1].removesuffix("'"))["instances"]
    assert set(instance) == {"age_2", "age", "plan_x_y", "grosse_in_cm"}
    assert "| `ingest.split` |" in readme


def test_the_same_table_starts_the_same_pipeline(tmp_path, data):
    folders = [start(request(data), tmp_path / name).folder for name in ("one", "two")]
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == two


def test_columns_are_named_as_in_the_data_or_safely(tmp_path, data):
    asked = request(data, key=("customer_id",), drop=("AGE", 'plan "x", y'))
    assert values_of(start(asked, tmp_path).folder)["ingest"]["features"] == ["age", "grosse_in_cm"]


def test_a_folder_of_files_and_a_delimiter_are_taken_as_they_are(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(3):
        lines = [f"{i};{i * 37 % 91},5;{'ja' if i % 3 else 'nein'}" for i in range(part * 40, part * 40 + 40)]
        (folder / f"{part}.csv").write_text("\n".join(["a;b;label", *lines]) + "\n", encoding="utf-8")
    started = start(Request("parts", str(folder), "label"), tmp_path)
    assert started.profile.rows == 120
    assert values_of(started.folder)["ingest"]["sources"]["table"]["delimiter"] == ";"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../churn", "is a path"),
        ("a/b", "is a path"),
        ("..", "is a path"),
        ("Churn", "lower-case"),
        ("1churn", "lower-case"),
        ("churn_", "lower-case"),
        ("chürn", "lower-case"),
        ("", "lower-case"),
        ("a" * 51, "at most 50"),
        ("a\n", "lower-case"),
    ],
)
def test_what_is_no_name_is_refused_before_the_table_is_read(tmp_path, name, message):
    with pytest.raises(BadInput, match=message):
        start(request("there-is-none.csv", name), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_hyphens_are_for_people():
    assert check_name("late-payers") == check_name("late_payers") == "late-payers"


def test_a_name_with_underscores_is_as_good_as_one_with_hyphens(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("x,y\n" + "".join(f"{n % 7}.5,{n % 2}\n" for n in range(100)))
    started = start(Request("late_payers", str(table), "y"), tmp_path)
    assert started.folder.name == "late_payers"
    assert "name: late-payers\n" in (started.folder / "pipeline.yaml").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"label": "churn"}, "--label: the table has no column 'churn'. Did you mean 'churned'"),
        ({"time_column": "zzz"}, "--time-column: the table has no column 'zzz'. It has Customer ID, AGE"),
        ({"key": ("Customer",)}, "--key: .* Did you mean 'Customer ID'"),
        ({"task": "regression"}, "needs numbers"),
        ({"drop": ("Customer ID", "AGE", "age", 'plan "x", y', "größe\nin cm")}, "no column is left"),
    ],
)
def test_what_cannot_be_done_writes_nothing(tmp_path, data, more, message):
    asked = {"name": "churn", "data": str(data), "label": "churned", **more}
    with pytest.raises(BadInput, match=message):
        start(Request(**asked), tmp_path / "project")
    assert not (tmp_path / "project").exists() or list((tmp_path / "project").iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path, data):
    folder = start(request(data), tmp_path).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BadInput, match=r"exists\. Choose another name, or replace what init made with --force"):
        start(request("there-is-none.csv"), tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_force_replaces_what_nobody_has_changed(tmp_path, data):
    folder = start(request(data), tmp_path).folder
    start(request(data, drop=("AGE",), force=True), tmp_path)
    assert "age_2" not in values_of(folder)["ingest"]["features"]
    assert [path.name for path in (tmp_path / "pipelines").iterdir()] == ["churn"]
    assert changed_files(folder) == ""


def test_force_names_the_files_that_were_changed(tmp_path, data):
    folder = start(request(data), tmp_path).folder
    (folder / "schema.pbtxt").write_text("# reviewed\n")
    (folder / "features.py").write_text("")
    (folder / "README.md").unlink()
    with pytest.raises(
        BadInput, match=r"schema\.pbtxt was edited; features.py was added; README.md is gone since init"
    ):
        start(request(data, force=True), tmp_path)
    assert (folder / "schema.pbtxt").read_text() == "# reviewed\n"


def test_force_leaves_a_folder_that_init_did_not_make(tmp_path, data):
    (tmp_path / "pipelines" / "churn").mkdir(parents=True)
    with pytest.raises(BadInput, match="it was not made by init"):
        start(request(data, force=True), tmp_path)


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path, data):
    (tmp_path / "project").write_text("a file")
    with pytest.raises(BadInput, match=r"cannot be written: .*\. Go to a folder that you may write to"):
        start(request(data), tmp_path / "project")


def test_the_date_that_keeps_a_column_from_being_the_time_is_told(tmp_path):
    days = [f"2013-01-{1 + n % 28:02d}" for n in range(300)]
    days[7] = "2013-02-30"
    rows = "".join(f"{n % 7},{day},{n % 2}\n" for n, day in enumerate(days))
    (tmp_path / "t.csv").write_text(f"a,day,late\n{rows}")
    with pytest.raises(BadInput, match=r"^time column day: is text, .*t\.csv: line 9 has '2013-02-30'\. Mend the data"):
        start(Request("late", str(tmp_path / "t.csv"), "late", time_column="day"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_nothing_is_left_aside(tmp_path, data):
    start(request(data), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.parquet", "pipelines"]


def test_a_local_path_is_written_so_that_a_run_from_anywhere_finds_it(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = start(Request("churn", data.name, "churned"), tmp_path).folder
    assert Path(values_of(folder)["ingest"]["sources"]["table"]["uri"]) == data


def test_a_database_in_a_file_is_found_from_anywhere_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as database:
        database.execute("CREATE TABLE orders (amount REAL, returned INTEGER)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", [(i * 1.5, i % 2) for i in range(80)])
    asked = Request("shop", "sqlite:///shop.db", "returned", query="SELECT * FROM orders ORDER BY amount")
    table = values_of(start(asked, tmp_path).folder)["ingest"]["sources"]["table"]
    assert table["uri"] == f"sqlite:///{tmp_path}/shop.db"
    assert table["query"] == asked.query
