"""From a table that nobody prepared to a model that is pushed: `penstock init`, then `penstock run`, as typed."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from tests.commands import penstock

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder outside the repository; one run may use what another has cached, their pipelines differ."""
    return tmp_path_factory.mktemp("project")


def started(project, name, data, label, *more):
    done = penstock("init", name, "--data", str(data), "--label", label, "--json", *more, cwd=project)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ran(project, name):
    """The run's document; every gate that it came to is open."""
    done = penstock("run", name, "--json", cwd=project, seconds=300)
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    document = json.loads(done.stdout)
    assert {verdict["verdict"] for verdict in document["verdicts"]} == {"Successful"}
    assert list(project.rglob("pushed_model/manifest.json"))
    return document


def metric(document, name):
    slices = document["metrics"]["evaluate"]["splits"]["eval"]["slices"]
    return next(s for s in slices if s["slice"] == "overall")["metrics"][name]["candidate"][0]


def findings(document):
    return {(finding["kind"], *finding["columns"]) for finding in document["profile"]["findings"]}


@pytest.fixture(scope="module")
def churn(project):
    """Five hundred customers with every oddity that a table has."""
    rng = np.random.default_rng(1)
    rows = 500
    tenure = rng.integers(0, 72, rows)
    plan = rng.choice(["Basic", "Plus, annual", '"Pro"'], rows, p=[0.5, 0.3, 0.2])
    gone = rng.random(rows) < 1 / (1 + np.exp(-(2.0 - tenure * 0.12 + (plan == "Basic") * 1.5)))
    signed = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    words = ["slow", "price", "too high", "good", "bad", "support", "never answers", "happy"]
    table = pd.DataFrame(
        {
            "Customer ID": [f"C{i:05d}" for i in range(rows)],
            "Tenure (months)": tenure,
            "tenure (Months)": rng.integers(0, 30, rows),
            "Monthly.Charges": rng.gamma(2, 35, rows).round(2).astype(str),
            "plan": plan,
            "Größe": rng.normal(170, 9, rows).round(1),
            "Signed up": signed.strftime("%d/%m/%Y"),
            "is senior": rng.choice([True, False], rows),
            "what they said": [" ".join(rng.choice(words, 6)) for _ in range(rows)],
            "meta": [
                json.dumps({"device": str(rng.choice(["ios", "android"])), "n": int(rng.integers(30))})
                for _ in range(rows)
            ],
            "const": 1,
            "churn reason": np.where(gone, rng.choice(["price", "service"], rows), ""),
            "cancelled": np.where(gone, (signed + pd.to_timedelta(40, unit="D")).strftime("%d/%m/%Y"), "n/a"),
            "plan code": pd.Series(plan).map({"Basic": 7, "Plus, annual": 8, '"Pro"': 9}),
            'churned "?"': np.where(gone, "yes", "no"),
        }
    )
    table.loc[rng.random(rows) < 0.1, "Monthly.Charges"] = "N/A"
    path = project / "churn table.csv"
    table.to_csv(path, index=False)
    return path


def test_a_binary_table_with_every_oddity(project, churn):
    document = started(project, "churn", churn, 'churned "?"')
    assert {
        ("filled_by_label", "churn_reason"),
        ("filled_by_label", "cancelled"),
        ("constant", "const"),
        ("identifier", "customer_id"),
        ("duplicate_column", "plan_code", "plan"),
    } <= findings(document)
    ingest = document["tasks"]["ingest"]
    assert ingest["key"] == ["customer_id"]
    assert set(ingest["known_after"]) == {"churn_reason", "cancelled"}
    assert set(ingest["features"]) == {
        "tenure_months", "tenure_months_2", "monthly_charges", "plan", "grosse", "signed_up", "is_senior",
        "what_they_said", "meta_device", "meta_n",
    }  # fmt: skip
    assert metric(ran(project, "churn"), "auc") > 0.75


def test_what_init_shows_is_what_matters_first(project, churn):
    shown = penstock("init", "shown", "--data", str(churn), "--label", 'churned "?"', cwd=project)
    assert shown.returncode == 0, shown.stderr
    lines = [line for line in shown.stdout.splitlines() if line.startswith(("suspect", "note"))]
    assert [line.split()[0] for line in lines[:3]] == ["suspect", "suspect", "note"]
    assert "penstock run shown" in shown.stdout


def test_several_classes(project):
    rng = np.random.default_rng(2)
    kind = rng.choice(["setosa", "versi color", "virginica"], 450)
    centre = pd.Series(kind).map({"setosa": 0.0, "versi color": 2.0, "virginica": 4.0}).to_numpy()
    table = pd.DataFrame(
        {"petal length (cm)": centre + rng.normal(0, 0.9, 450), "width": rng.normal(0, 1, 450), "Species": kind}
    )
    table.to_csv(project / "species.tsv.csv", sep="\t", index=False)
    document = started(project, "species", project / "species.tsv.csv", "Species")
    assert document["profile"]["label"]["task"] == "multiclass"
    assert document["tasks"]["train"]["classes"] == ["setosa", "versi color", "virginica"]
    assert metric(ran(project, "species"), "skill") > 0.3


def test_a_regression_on_a_folder_of_parquet(project):
    rng = np.random.default_rng(3)
    size, town = rng.gamma(5, 25, 900), rng.choice(["a", "b", "c"], 900)
    price = (
        size * 2000 + pd.Series(town).map({"a": 0, "b": 60_000, "c": 150_000}).to_numpy() + rng.normal(0, 20_000, 900)
    )
    table = pd.DataFrame({"Size": size, "Town": town, "price": price.round(-2)})
    folder = project / "houses"
    folder.mkdir()
    for part in range(3):
        table.iloc[part::3].to_parquet(folder / f"part-{part}.parquet")
    document = started(project, "houses", folder, "price")
    assert document["profile"]["label"]["task"] == "regression"
    assert document["profile"]["rows"] == 900
    assert metric(ran(project, "houses"), "skill") > 0.6


def test_a_query(project):
    rng = np.random.default_rng(4)
    with sqlite3.connect(project / "shop.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount REAL, country TEXT, returned INTEGER)")
        rows = [(i, float(a), str(c), int(r < a / 100)) for i, (a, c, r) in enumerate(
            zip(rng.uniform(0, 100, 600), rng.choice(["de", "fr"], 600), rng.random(600), strict=True))]  # fmt: skip
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    query = "SELECT amount, country, returned, id AS order_id FROM orders WHERE amount > 1 ORDER BY id"
    address = f"sqlite:///{project / 'shop.db'}"
    document = started(project, "orders", address, "returned", "--query", query)
    assert document["tasks"]["ingest"]["key"] == ["order_id"]
    assert metric(ran(project, "orders"), "auc") > 0.65


def test_semicolons_latin_letters_decimal_commas_and_a_time(project):
    rng = np.random.default_rng(5)
    rows = 700
    days = pd.date_range("2021-01-01", periods=rows, freq="D")
    heat = 15 + 10 * np.sin(np.arange(rows) / 58) + rng.normal(0, 2, rows)
    wet = rng.random(rows) < 1 / (1 + np.exp(heat - 15))
    degrees = [f"{h:.2f}".replace(".", ",") for h in heat]
    streets = rng.choice(["Süd", "Nord"], rows)
    values = zip(days.strftime("%d.%m.%Y"), degrees, streets, np.where(wet, "ja", "nein"), strict=True)
    lines = ["Datum;Wärme;Straße;naß", *(";".join(row) for row in values)]
    (project / "wetter.csv").write_bytes("\n".join(lines).encode("cp1252"))
    document = started(project, "wetter", project / "wetter.csv", "naß", "--time-column", "Datum")
    split = document["tasks"]["ingest"]["split"]
    assert (split["by"], split["column"], split["starts"]) == ("time", "datum", {"eval": "2022-05-06"})
    types = {column["name"]: column["type"] for column in document["profile"]["columns"]}
    assert types == {"datum": "date", "warme": "float", "strasse": "string", "nass": "string"}
    assert metric(ran(project, "wetter"), "auc") > 0.7


def test_a_table_with_nothing_to_learn_ends_without_a_model_and_says_so(project):
    rng = np.random.default_rng(6)
    table = pd.DataFrame({"x": rng.normal(size=400), "c": rng.choice(list("abc"), 400), "y": rng.integers(0, 2, 400)})
    table.to_csv(project / "noise.csv", index=False)
    started(project, "noise", project / "noise.csv", "y")
    done = penstock("run", "noise", "--json", cwd=project, seconds=300)
    judged = [v for v in json.loads(done.stdout)["verdicts"] if v["task"] == "evaluate"]
    if judged:
        assert (done.returncode, judged[0]["reasons"][0]["subject"]) == (3, "overall")
    else:
        assert done.returncode == 1
        assert "the model learned nothing" in done.stderr
    assert not list(project.glob(".penstock/runs/noise-*/**/pushed_model/manifest.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["../x", "--data", "churn table.csv", "--label", "plan"], "is a path"),
        (["x", "--data", "there-is-none.csv", "--label", "plan"], "no such file"),
        (["x", "--data", "churn table.csv", "--label", "churned ?"], "Did you mean"),
        (["x", "--data", "churn table.csv", "--label", "const"], "one value only"),
        (["x", "--data", "churn table.csv", "--label", "what they said"], "too many classes"),
        (["x", "--data", "churn table.csv"], "Missing option '--label'"),
        (["x", "--data", "churn table.csv", "--label", "plan", "--task", "clustering"], "'clustering' is not one of"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_written(project, churn, arguments, message):
    done = penstock("init", *arguments, cwd=project)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (project / "pipelines" / "x").exists()
    assert not list(project.glob(".penstock-init-*"))
