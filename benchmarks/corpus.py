"""What has to be known of the sample corpus to judge an answer: its contact sheet shows pictures that lie beside it."""

from __future__ import annotations

import os

from mmsearch.extras.evaluation.metrics import METRICS
from mmsearch.extras.evaluation.report import Result
from mmsearch.types import Reranker

SHEET = "contact_sheet.jpg"
ON_SHEET = {
    *("IMG_3309.jpg", "P1040412.jpg", "kickoff.webp", "IMG_0007.jpg", "DSC_0402.jpg", "flat_03.jpg", "departure.jpg"),
    *("DSC_0661.webp", "dinner_friday.jpg", "IMG_4410.jpg", "coast_trip.webp", "paddock.jpg"),
}
"""What the sample corpus's own contact sheet shows."""


def settled(result: Result) -> Result:
    """The result without the contact sheet where that shows an answer or what asks, unless it is labelled itself.

    Its panel with a red car is no wrong answer to "red car", and the labels only name the picture.
    """
    question = result.question
    about = {os.path.basename(path) for path in (question.image, *question.relevant)}
    if SHEET in about or not about & ON_SHEET:
        return result
    kept = [index for index, path in enumerate(result.paths) if os.path.basename(path) != SHEET]
    found = tuple(result.paths[index] for index in kept)
    return result._replace(
        paths=found,
        scores={name: of(found, question.relevant) for name, of in METRICS.items()},
        relevances=tuple(result.relevances[index] for index in kept) if result.relevances else (),
    )


def no_reranker() -> Reranker:
    """For evaluations of settings that read nothing again."""
    raise AssertionError("nothing is reranked")
