"""What is drawn of each part of a run: from a view to charts with their words and tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from penstock.artifacts.plots import Curve, EvaluationPlots, Histogram, ModelPlots
from penstock.reporting import charts, counts
from penstock.reporting.chart_style import QUIET, SERIES
from penstock.reporting.drawing import Chart
from penstock.reporting.formats import number, percent, words
from penstock.reporting.views import EvaluationView, FeatureView, TrainingView, TuningView

CANDIDATE, BASELINE = "candidate", "baseline"
MOST_CLASSES = 8
"""Curves of so many classes are told apart in one picture."""
FEW_CLASSES = 3
"""Of so many classes two models are shown in one picture."""
MOST_MISTAKEN = 30
"""Classes of a confusion matrix that are drawn; of more, those with the most mistakes."""
_NARROW = 7
"""Classes of a confusion matrix that is read beside other pictures."""
MOST_VALUES = 8
"""So many of a text's values are drawn."""
MOST_DOTS = 30
"""Epochs of a line whose points are marked."""
_LABEL = 40
"""Characters of a text's value that stand beside its bar."""
_TABLE_ROWS = 25
"""A line's figures are thinned to so many in the table beside it."""


def training(view: TrainingView, of_run: Mapping[str, int] | None = None) -> Iterator[Chart]:
    """One chart a metric: epochs against the metric, a line a split. The loss comes first.

    Args:
        view: The training.
        of_run: Where the curves are of several runs: by their names, the number of the run. It gives the colour, and
            a training split is dashed.
    """
    for metric in sorted(view.curves, key=lambda name: (name != "loss", name)):
        lines = {split: [(float(e), v) for e, v in points] for split, points in view.curves[metric].items()}
        lines = dict(sorted(lines.items(), key=lambda item: (item[0] != "train", item[0])))
        last = ", ".join(f"{split} {number(points[-1][1])}" for split, points in lines.items() if points)
        epochs = max((len(points) for points in lines.values()), default=0)
        yield Chart(
            spec=charts.lines(
                lines,
                "epoch",
                words(metric),
                whole_x=True,
                points=epochs <= MOST_DOTS,
                colors=[SERIES[of_run[name]] for name in lines] if of_run else SERIES,
                dashed=[name for name in lines if of_run and name.endswith("train")],
            ),
            title=words(metric),
            says=f"{words(metric)} over {epochs} epochs; at the end: {last}.",
            columns=("split", "epoch", metric),
            rows=tuple((split, e, v) for split, points in lines.items() for e, v in points),
        )


def feature(view: FeatureView, splits: Sequence[str]) -> Chart | None:
    """The values of one column, the splits over each other; None where there is nothing to draw."""
    colors = [SERIES[splits.index(s.split) % len(SERIES)] for s in view.splits]
    if view.type == "number":
        found = {s.split: s.histogram for s in view.splits if s.histogram and sum(s.histogram.counts)}
        if not found:
            return None
        colors = [SERIES[splits.index(name) % len(SERIES)] for name in found]
        spans = "; ".join(f"{name}: from {number(h.edges[0])} to {number(h.edges[-1])}" for name, h in found.items())
        spec = counts.histograms(found, width=210, height=52, colors=colors, small=True)
        return Chart(spec=spec, title=view.name, says=f"Distribution of {view.name}. {spans}.")
    top = _labels(_top_values(view))
    if not top:
        return None
    bars = {
        s.split: [
            (label, count / (s.rows or 1), percent(count / (s.rows or 1)))
            for value, label in top.items()
            for count in (dict(s.values).get(value, 0),)
        ]
        for s in view.splits
    }
    tells = "; ".join(f"{split}: " + ", ".join(f"{v} {t}" for v, _, t in rows[:3]) for split, rows in bars.items())
    spec = counts.bars(bars, width=120, row=6 if len(bars) > 1 else 10, colors=colors)
    return Chart(spec=spec, title=view.name, says=f"Most frequent values of {view.name}. {tells}.")


def _top_values(view: FeatureView) -> list[str]:
    shares: dict[str, float] = {}
    for split in view.splits:
        for value, count in split.values:
            shares[value] = shares.get(value, 0.0) + count / (split.rows or 1)
    return sorted(shares, key=lambda value: (-shares[value], value))[:MOST_VALUES]


def _labels(values: Sequence[str]) -> dict[str, str]:
    """What stands beside the bar of each value: long texts cut, none twice."""
    labels: dict[str, str] = {}
    for value in values:
        label = f"{value[:_LABEL]}…" if len(value) > _LABEL else value or "(empty)"
        labels[value] = f"{label} ({len(labels) + 1})" if label in labels.values() else label
    return labels


def performance(plots: EvaluationPlots, models: Mapping[str, ModelPlots] | None = None) -> Iterator[Chart]:
    """The curves, matrices and histograms of models over each other.

    Args:
        plots: What they were judged on.
        models: By name, the one in question first; candidate and baseline of `plots` where None.
    """
    scored = models or {CANDIDATE: plots.candidate}
    if models is None:
        models = {CANDIDATE: plots.candidate, **({BASELINE: plots.baseline} if plots.baseline else {})}
    yield from _curves(models, "roc", "ROC curve", "false positive rate", "true positive rate", diagonal=True)
    yield from _curves(models, "precision_recall", "Precision and recall", "recall", "precision", diagonal=False)
    yield from _calibration(models, plots)
    for role, model in models.items():
        if model.confusion:
            yield _confusion(role, model, plots)
    for role, model in scored.items():
        if model.scores:
            yield Chart(
                spec=counts.histograms(model.scores, "score", colors=SERIES[2:]),
                title=f"Scores by label, {role}",
                says=f"How the scores of {role} are distributed, by what the label is.",
                note="The less the two overlap, the better the model tells them apart.",
                columns=("label", "from", "to", "rows"),
                rows=_bins(model.scores),
            )
    residuals = {role: model.residuals for role, model in models.items() if model.residuals}
    if residuals:
        spans = "; ".join(f"{role} from {number(h.edges[0])} to {number(h.edges[-1])}" for role, h in residuals.items())
        yield Chart(
            spec=counts.histograms(residuals, "estimate minus label"),
            title="Residuals",
            says=f"How far the estimates lie from the labels: {spans}.",
            note="Right of zero the estimate is too high.",
            columns=("model", "from", "to", "rows"),
            rows=_bins(residuals),
        )


def _bins(found: Mapping[str, Histogram]) -> tuple[tuple[str, float, float, int], ...]:
    return tuple(
        (name, low, high, count)
        for name, h in found.items()
        for low, high, count in zip(h.edges[:-1], h.edges[1:], h.counts, strict=True)
    )


def _curves(
    models: Mapping[str, ModelPlots], which: str, title: str, x: str, y: str, *, diagonal: bool
) -> Iterator[Chart]:
    first = next(iter(models))
    classes = list(getattr(models[first], which))
    single = len(classes) == 1
    labels = _labels(classes)
    found: dict[str, Curve] = {}
    colors, dashed = [], []
    for place, (role, model) in enumerate(models.items()):
        if place and not single and len(classes) > FEW_CLASSES:
            continue
        for name, curve in list(getattr(model, which).items())[:MOST_CLASSES]:
            label = labels.get(name, name[:_LABEL])
            key = role if single else f"{label}, {role}" if len(classes) <= FEW_CLASSES and len(models) > 1 else label
            found[key] = curve
            colors.append(SERIES[place if single else classes.index(name) if name in classes else -1])
            dashed += [key] if place else []
    if not found:
        return
    areas = "; ".join(f"{name} {number(c.area)}" for name, c in found.items() if c.area is not None)
    note = f"Area below: {areas}." if areas else ""
    if not single:
        note = f"Each class against the rest. {note}"
        if len(classes) > MOST_CLASSES:
            note += f" The first {MOST_CLASSES} of {len(classes)} classes."
    yield Chart(
        spec=charts.lines(
            {name: tuple(zip(c.x, c.y, strict=True)) for name, c in found.items()},
            x,
            y,
            diagonal=diagonal,
            unit_square=True,
            colors=colors,
            dashed=dashed,
        ),
        title=title,
        says=f"{y.capitalize()} over {x} for {', '.join(found)}. {note}".strip(),
        note=note,
        columns=("series", x, y),
        rows=tuple((name, px, py) for name, c in found.items() for px, py in _thinned(c)),
    )


def _thinned(curve: Curve) -> list[tuple[float, float]]:
    points = list(zip(curve.x, curve.y, strict=True))
    every = -(-len(points) // _TABLE_ROWS)
    return points[::every] if every else points


def _calibration(models: Mapping[str, ModelPlots], plots: EvaluationPlots) -> Iterator[Chart]:
    regression = plots.task == "regression"
    found = {}
    for place, (role, model) in enumerate(models.items()):
        if regression and model.estimate_by_label:
            found[role] = model.estimate_by_label
        elif len(model.calibration) == 1:
            found[role] = next(iter(model.calibration.values()))
        elif not place:
            labels = _labels(list(model.calibration))
            found.update({labels[name]: bins for name, bins in list(model.calibration.items())[:MOST_CLASSES]})
    if not found:
        return
    x, y = ("mean estimate", "mean label") if regression else ("mean score", "share of positives")
    gap = {
        name: sum(b.rows * abs(b.mean_score - b.mean_label) for b in bins) / max(1, sum(b.rows for b in bins))
        for name, bins in found.items()
    }
    mean = "; ".join(f"{name} {number(value, 3)}" for name, value in gap.items())
    title = "Estimate and label" if regression else "Calibration"
    points = {name: [(b.mean_score, b.mean_label, b.lower, b.upper) for b in bins] for name, bins in found.items()}
    yield Chart(
        spec=charts.calibration(points, x, y),
        title=title,
        says=f"{title}: {y} over {x} in bins of equally many rows. Mean distance from the diagonal: {mean}.",
        note="On the dashed line both agree."
        f" Mean distance from it: {mean}. Intervals at {percent(plots.confidence)} confidence.",
        columns=("series", "rows", x, y, "lower", "upper"),
        rows=tuple(
            (n, b.rows, b.mean_score, b.mean_label, b.lower, b.upper) for n, bins in found.items() for b in bins
        ),
    )


def _confusion(role: str, model: ModelPlots, plots: EvaluationPlots) -> Chart:
    named = len(set(plots.classes)) == len(plots.classes) == len(model.confusion)
    labels = list(plots.classes) if named else [str(i) for i in range(len(model.confusion))]
    right = sum(row[i] for i, row in enumerate(model.confusion))
    totals = [sum(row) for row in model.confusion]
    rows = sum(totals) or 1
    shown = _most_mistaken(model.confusion)
    labels = list(_labels([labels[i] for i in shown]).values())
    counts = [[model.confusion[i][j] for j in shown] for i in shown]
    more = f" The {len(shown)} classes with the most mistakes of {len(totals)}." if len(shown) < len(totals) else ""
    return Chart(
        spec=charts.matrix(labels, counts, [totals[i] for i in shown]),
        title=f"Confusion matrix, {role}",
        says=f"{percent(right / rows)} of {rows:,} rows are answered as labelled.",
        note=f"{percent(right / rows)} of {rows:,} rows are right. Percentages are of the label's rows.{more}",
        columns=("label", *(f"answer {label}" for label in labels)),
        rows=tuple((label, *row) for label, row in zip(labels, counts, strict=True)),
        wide=len(shown) > _NARROW,
    )


def _most_mistaken(confusion: Sequence[Sequence[int]]) -> list[int]:
    """The classes that take part in the most mistakes, as label or as answer, in the order of the classes."""
    answered = [sum(column) for column in zip(*confusion, strict=True)]
    wrong = [sum(row) + answered[i] - 2 * row[i] for i, row in enumerate(confusion)]
    return sorted(sorted(range(len(confusion)), key=lambda i: -wrong[i])[:MOST_MISTAKEN])


def importance(view: EvaluationView) -> Chart | None:
    """How much each feature matters, most important first, with intervals."""
    if view.plots is None or not view.plots.importance:
        return None
    plots, shown = view.plots, view.plots.importance[:30]
    more = f" The first {len(shown)} of {len(plots.importance)}." if len(plots.importance) > len(shown) else ""
    first = ", ".join(f"{i.feature} {number(i.drop, 3)}" for i in shown[:3])
    return Chart(
        spec=charts.intervals(
            {"": [(i.feature, i.drop, i.lower, i.upper) for i in shown]},
            f"how much worse {words(plots.importance_metric)} gets",
            zero=True,
            reference=0.0,
        ),
        title="Importance of features",
        says=f"Most important by permutation: {first}.{more}",
        note=f"How much worse {words(plots.importance_metric)} gets when the values of a feature are shuffled among the"
        f" rows, with {percent(plots.confidence)} intervals. An interval across zero: no influence shown.{more}",
        columns=("feature", "drop", "lower", "upper"),
        rows=tuple((i.feature, i.drop, i.lower, i.upper) for i in plots.importance),
    )


def groups(view: EvaluationView) -> Iterator[Chart]:
    """For every fairness rule: the metric in each group, candidate and baseline, with intervals."""
    for reason in view.gaps:
        metric = str(reason.evidence.get("metric", ""))
        found: dict[str, list[charts.Span]] = {CANDIDATE: [], BASELINE: []}
        for part in view.slices:
            if part.split == view.judged_split and part.name.startswith(f"{reason.subject}=") and "," not in part.name:
                for role, estimate in part.metrics.get(metric, {}).items():
                    if role in found and estimate.value is not None:
                        name = part.name.removeprefix(f"{reason.subject}=")
                        found[role].append((name, estimate.value, estimate.lower, estimate.upper))
        series = {role: sorted(rows, key=lambda row: row[1]) for role, rows in found.items() if rows}
        if not series:
            continue
        yield Chart(
            spec=charts.intervals(series, words(metric)),
            title=f"{words(metric)} by {reason.subject}",
            says=reason.text,
            columns=("model", reason.subject, metric, "lower", "upper"),
            rows=tuple((role, *row) for role, rows in series.items() for row in rows),
        )


def tuning(view: TuningView) -> Iterator[Chart]:
    """The trials' objective with the best so far, what explains it, and how each trial went."""
    study = view.study
    done = [(t.number, t.value) for t in study.trials if t.value is not None and t.state == "complete"]
    better = min if study.direction == "minimize" else max
    if done:
        best: list[tuple[float, float]] = []
        for trial, value in done:
            best.append((float(trial), value if not best else better(best[-1][1], value)))
        trials = [(float(trial), value) for trial, value in done]
        yield Chart(
            spec=charts.trials(trials, best, "trial", words(study.objective)),
            title="Trials",
            says=f"{len(done)} completed trials; the best {words(study.objective)} is {number(best[-1][1])}.",
            columns=("trial", study.objective, "best so far"),
            rows=tuple((int(t), v, b) for (t, v), (_, b) in zip(trials, best, strict=True)),
        )
    if study.importance:
        shares = sorted(study.importance.items(), key=lambda item: (-item[1], item[0]))
        yield Chart(
            spec=counts.bars({"share": [(name, share, percent(share)) for name, share in shares]}, row=20, legend=True),
            title="What matters among the parameters",
            says="Share of the objective's variance: " + ", ".join(f"{n} {percent(s)}" for n, s in shares[:5]),
            columns=("parameter", "share"),
            rows=tuple(shares),
        )
    lines = {str(t.number): [(float(i), v) for i, v in enumerate(t.losses, 1)] for t in study.trials if t.losses}
    if lines:
        best_one = str(study.best) if study.best is not None else ""
        colors = [SERIES[0] if name == best_one else QUIET for name in lines]
        yield Chart(
            spec=charts.bundle(lines, "epoch", words(study.objective), colors, best_one),
            title="Each trial, epoch by epoch",
            says=f"{words(study.objective)} after each epoch of {len(lines)} trials; the best trial stands out.",
            columns=("trial", "epochs", "last"),
            rows=tuple((name, len(points), points[-1][1]) for name, points in lines.items()),
        )
