"""The comment of a pull request. A marker at its top lets the workflow find the one it wrote before and edit it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from infra.checks import Examined
from infra.finding import Finding
from ops.difference.step import Step
from ops.difference.text import is_alarming, step_text, summary
from ops.reporting.amounts import count, money, share
from ops.reporting.change import Change, ContractChange, cost_lines
from ops.reporting.escape import code, fenced, plain
from ops.reporting.facts import Source

LIMIT: Final = 60_000
"""Characters; GitHub takes 65,536."""

_FINDINGS, _ALARMS, _CONTRACT, _PREVIEW = 15_000, 4_000, 4_000, 12_000
"""Characters of sections that could grow without end. The diff gets what the others leave."""

_DIFF_MARGIN: Final = 400
"""For its heading, its fence and the note of what is left out."""


def marker(stack: str) -> str:
    """An HTML comment, which GitHub does not show."""
    return f"<!-- tfk8s:{stack} -->"


def comment(source: Source, examined: Examined, change: Change | None, preview: str | None = None) -> str:
    """The comment, of `LIMIT` characters at most; the same for the same stack.

    Args:
        source: Where the words come from.
        examined: The stack.
        change: What it is compared with, if anything.
        preview: What `pulumi preview` said, if it ran.
    """
    before = [
        marker(source.stack),
        f"## {plain(_verdict(source.stack, examined.findings))}",
        _origin(source, change),
        _cost(examined, change),
        _findings(examined),
    ]
    after = [*_contract(change), *_preview(preview), "<sub>Predicted from the stack file; nothing was measured.</sub>"]
    used = sum(len(part) + 2 for part in (*before, *after))
    return "\n\n".join([*before, *_steps(source.stack, change, LIMIT - used - _DIFF_MARGIN), *after]) + "\n"


def _verdict(stack: str, findings: Sequence[Finding]) -> str:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = count(len(findings) - errors, "warning") if len(findings) > errors else ""
    said = f"cannot work: {count(errors, 'error')}" if errors else "fits"
    return f"{stack} {said}, {warnings}" if warnings else f"{stack} {said}"


def _origin(source: Source, change: Change | None) -> str:
    against = f", against {code(change.base)}" if change else ""
    overrides = f" {plain(source.overrides)}" if source.overrides else ""
    return f"{code(source.file)} at {plain(source.commit)}{against}.{overrides}"


def _cost(examined: Examined, change: Change | None) -> str:
    lines = cost_lines(change.plan_before if change else None, examined.plan)
    if change is None:
        rows = ["| Price | |", "|---|--:|", *(f"| {plain(line.name)} | {line.after} |" for line in lines)]
    else:
        rows = ["| Price | before | after | change |", "|---|--:|--:|--:|"]
        rows += [f"| {plain(line.name)} | {line.before} | {line.after} | **{line.change}** |" for line in lines]
    budget, worst = examined.settings.policy.monthly_budget, examined.plan.price_per_month_max
    if budget is not None and budget.currency == worst.currency:
        percent = share(worst.amount, budget.amount)
        rows.append(f"\nThe worst month is {percent:g} % of the budget of {money(budget)}.")
    return "\n".join(["### Cost", "", *rows])


def _findings(examined: Examined) -> str:
    items = [_item(finding) for finding in sorted(examined.findings, key=lambda each: each.severity != "error")]
    items += [
        f"- waived until {waived.waiver.until}: {code(waived.finding.path)} ({plain(waived.finding.check)})<br>"
        f"{plain(waived.finding.message)}<br>{plain(waived.waiver.reason)}"
        for waived in examined.waived
    ]
    body = _bounded(items, _FINDINGS, "more; `tfk8s check` lists all") or ["Every check passes."]
    return "\n".join(["### Findings", "", *body])


def _item(finding: Finding) -> str:
    head = f"- **{finding.severity}** {code(finding.path)} ({plain(finding.check)})"
    return f"{head}<br>{plain(finding.message)}<br>→ {plain(finding.fix)}"


def _steps(stack: str, change: Change | None, room: int) -> Iterator[str]:
    if change is None:
        return
    yield "### What an update would do"
    if change.unknown:
        yield fenced(change.unknown[:_ALARMS])
        return
    yield plain(summary(change.steps)[:1].upper() + summary(change.steps)[1:]) + "."
    alarms = "\n".join(_bounded(list(_alarms(change.steps)), _ALARMS, "more"))
    if alarms:
        yield alarms
    if change.steps:
        texts = [step_text(step) for step in change.steps]
        shown = _fitting(texts, room - len(alarms))
        missing = len(texts) - len(shown)
        note = f"{missing} of {len(texts)} resources are left out; {code(f'tfk8s diff {stack}')} shows all."
        left = ["", note] if missing else []
        body = fenced("\n".join(shown)) if shown else ""
        yield "\n".join(["<details><summary>Field by field</summary>", "", body, *left, "", "</details>"])


def _alarms(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        for effect in filter(is_alarming, step.effects):
            kind, _, said = effect.partition(":")
            yield f"- ⚠️ **{plain(kind)}** {code(step.title)}:{plain(said)}"


def _contract(change: Change | None) -> Iterator[str]:
    found = change.contract if change else None
    if found is None or not (found.broken or found.added or found.versions[0] != found.versions[1]):
        return
    yield "\n".join(["### What applications are promised", "", *_bounded(list(_promises(found)), _CONTRACT, "more")])


def _promises(found: ContractChange) -> Iterator[str]:
    before, after = found.versions
    if before != after:
        yield f"- contract version {plain(str(before))} → {plain(str(after))}: older readers refuse it"
    for said in found.broken:
        mark = "changed" if before != after else "⚠️ **breaks readers**"
        yield f"- {mark}: {plain(said)}"
    for path in found.added:
        yield f"- new: {code(path)}"


def _preview(text: str | None) -> Iterator[str]:
    if text is None:
        return
    cut = len(text) > _PREVIEW
    shown = text[-_PREVIEW:].partition("\n")[2] if cut else text
    note = ["Its beginning is left out; the workflow's log has it all.", ""] if cut else []
    body = fenced(shown) if shown.strip() else "It did not run, or said nothing; the workflow's log says why."
    yield "\n".join(
        [
            "### `pulumi preview`",
            "",
            "<details><summary>Against the cluster</summary>",
            "",
            *note,
            body,
            "",
            "</details>",
        ]
    )


def _bounded(items: Sequence[str], room: int, rest: str) -> list[str]:
    """Whole items that fit, and how many do not."""
    shown = _fitting(items, room)
    return [*shown, *([f"- {len(items) - len(shown)} {rest}"] if len(shown) < len(items) else [])]


def _fitting(items: Sequence[str], room: int) -> list[str]:
    shown = list[str]()
    for item in items:
        room -= len(item) + 1
        if room < 0:
            break
        shown.append(item)
    return shown
