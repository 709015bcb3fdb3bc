"""The judge: a pure function from evidence of two versions to promote, hold or roll back (docs/judge.md)."""

from serving.judge.evidence import Answers, Evidence, Histogram, Interval, Traffic
from serving.judge.finding import Finding, Says
from serving.judge.settings import JudgeSettings
from serving.judge.verdict import Ruling, Verdict, judge, judge_stable

__all__ = [
    "Answers",
    "Evidence",
    "Finding",
    "Histogram",
    "Interval",
    "JudgeSettings",
    "Ruling",
    "Says",
    "Traffic",
    "Verdict",
    "judge",
    "judge_stable",
]
