"""Decides about numbers."""

from parts.judge.spec import SPEC, JudgeParams
from penstock.artifacts import Consequence, Decision, Examples, ModelBlessing, Reason, Verdict
from penstock.sdk import Context, main


def run(context: Context[JudgeParams]) -> None:
    examples = context.input("examples", Examples)
    count = len(list(examples.path.iterdir()))
    verdict = Verdict.SUCCESSFUL if count <= context.params.most else Verdict.FAILED
    reason = Reason(rule="most", subject="overall", verdict=verdict, text=f"{count} of {context.params.most}")
    consequence = Consequence.PROCEED if verdict is Verdict.SUCCESSFUL else Consequence.STOP
    decision = Decision(verdict=verdict, consequence=consequence, reasons=(reason,))
    context.decide(decision, context.output("blessing", ModelBlessing), examples_digest=examples.digest)


if __name__ == "__main__":
    main(SPEC, run)
