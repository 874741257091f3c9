"""How often the gate errs, on simulated models whose quality is known."""

import numpy as np
import pyarrow as pa
import pytest

from components.evaluator.engines import Job, vectorised
from components.evaluator.logic import decide
from components.evaluator.measurement import Role
from components.evaluator.plan import make_plan, read_eval_config
from components.evaluator.spec import EvaluatorParams
from penstock.artifacts import Decision, Verdict

NOT_WORSE = {"change_threshold": {"direction": "HIGHER_IS_BETTER", "absolute": -0.02}}
CONFIG = {
    "slicing_specs": [{}, {"feature_keys": ["group"]}],
    "metrics_specs": [
        {
            "metrics": [
                {
                    "class_name": "AUC",
                    "threshold": NOT_WORSE,
                    "per_slice_thresholds": [
                        {"slicing_specs": [{}], "threshold": {"value_threshold": {"lower_bound": 0.6}}}
                    ],
                }
            ]
        }
    ],
}
PARAMS = EvaluatorParams.parse({"eval_config": CONFIG, "bootstrap_replicates": 100, "min_slice_rows": 1000}, "test")


def evaluate(seed: int, worse_in: str = "", noise: float = 0.5, n_rows: int = 10_000) -> Decision:
    """Two models that see the same signal with noise of their own; in one slice the candidate may see none."""
    random = np.random.default_rng(seed)
    label = (random.random(n_rows) < 0.25).astype(float)
    group = np.array(list("abcdefgh"))[random.integers(0, 8, n_rows)]
    signal = 0.8 * label + random.normal(size=n_rows)
    seen = {role: signal + noise * random.normal(size=n_rows) for role in (Role.CANDIDATE, Role.BASELINE)}
    if worse_in:  # a little better everywhere else, so that overall it is not worse
        seen[Role.CANDIDATE] = signal + 0.1 * random.normal(size=n_rows)
        seen[Role.CANDIDATE][group == worse_in] = random.normal(size=int((group == worse_in).sum()))
    config = read_eval_config(CONFIG)
    plan = make_plan(config, only_known=True)
    job = Job(
        split="eval",
        rows_available=n_rows,
        table=pa.table({"group": group}),
        label=label,
        models={},
        scores={role: 1 / (1 + np.exp(1 - score)) for role, score in seen.items()},
        plan=plan,
        config=config,
        replicates=PARAMS.bootstrap_replicates,
        seed=seed,
        scratch=None,  # type: ignore[arg-type]
    )
    return decide(vectorised(job), plan, PARAMS)


@pytest.mark.slow
def test_an_equally_good_model_is_refused_in_less_than_two_percent_of_cases() -> None:
    decisions = [evaluate(seed) for seed in range(150)]
    refused = [d for d in decisions if d.verdict is not Verdict.SUCCESSFUL]
    assert len(refused) < 0.02 * len(decisions)
    by_the_point = [d for d in decisions if any(r.evidence["estimate"] < r.evidence["least"] for r in d.reasons)]
    assert len(by_the_point) > 0.2 * len(decisions)  # what judging points on every slice would have refused


@pytest.mark.slow
def test_a_model_worse_on_one_large_slice_only_is_refused_for_exactly_that_slice() -> None:
    for seed in range(40):
        decision = evaluate(seed, worse_in="c", noise=1.2, n_rows=20_000)
        assert decision.verdict is Verdict.FAILED
        assert [r.subject for r in decision.reasons if r.verdict is Verdict.FAILED] == ["group=c"]
        assert all(r.verdict is Verdict.SUCCESSFUL for r in decision.reasons if r.subject == "overall")


def test_a_model_worse_on_one_slice_once() -> None:
    decision = evaluate(0, worse_in="f", noise=1.2)
    assert [r.subject for r in decision.reasons if r.verdict is Verdict.FAILED] == ["group=f"]
