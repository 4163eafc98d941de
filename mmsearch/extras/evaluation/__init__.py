"""Retrieval quality on labelled questions: several settings side by side, per pair of modalities, with intervals.

Knows nothing of argv or tables.
"""

from mmsearch.extras.evaluation.metrics import METRICS, Interval, bootstrap
from mmsearch.extras.evaluation.questions import Question, read_questions
from mmsearch.extras.evaluation.report import Outcome, Report, Result, losers, report_fields
from mmsearch.extras.evaluation.runs import SETTINGS, Setting, evaluate, settings_by_name, truncated_settings

__all__ = [
    "METRICS",
    "SETTINGS",
    "Interval",
    "Outcome",
    "Question",
    "Report",
    "Result",
    "Setting",
    "bootstrap",
    "evaluate",
    "losers",
    "read_questions",
    "report_fields",
    "settings_by_name",
    "truncated_settings",
]
