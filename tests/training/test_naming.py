"""Every picture of a class is named among all classes of its source, and of no other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.naming import Naming
from training.pictures import Row

NAMES = ["cat", "dog", "owl", "rose", "tulip", "daisy"]
ROWS = [
    *(Row("animals", (name, "an animal"), "train", f"animals:{name}") for name in NAMES[:3]),
    *(Row("flowers", (name,), "train", f"flowers:{name}") for name in NAMES[3:]),
    Row("animals", ("a cat on a mat",), "train"),
    Row("animals", ("bat",), "val", "animals:bat"),
    Row("drawn", ("red cat",), "train", "object:red cat"),
]


def axes(texts: list[str]) -> Tensor:
    return torch.eye(len(NAMES))[[NAMES.index(text) for text in texts]]


def test_classes_are_those_of_training_pictures_by_their_plain_names() -> None:
    assert Naming(ROWS, plain=("drawn",)).names == NAMES


def test_a_class_only_competes_with_classes_of_its_own_source() -> None:
    naming = Naming(ROWS, plain=("drawn",))
    unsure = torch.ones(1, len(NAMES))
    assert math.isclose(naming.loss(unsure, [0], torch.tensor(1.0), axes).item(), math.log(3), rel_tol=1e-6)


def test_a_rightly_named_picture_costs_less_than_a_wrongly_named_one() -> None:
    naming = Naming(ROWS, plain=("drawn",))
    right, wrong = (naming.loss(axes([name]), [1], torch.tensor(10.0), axes).item() for name in ("dog", "cat"))
    assert right < 0.01
    assert wrong > 5


def test_pictures_without_a_class_cost_nothing() -> None:
    naming = Naming(ROWS, plain=("drawn",))
    pictures = torch.ones(2, len(NAMES), requires_grad=True)
    assert naming.loss(pictures, [6, 8], torch.tensor(1.0), axes).item() == 0


def test_a_source_of_two_classes_is_left_out() -> None:
    assert (Naming(ROWS[:2]).target == -1).all()


def test_names_are_embedded_anew_only_now_and_then() -> None:
    calls = []

    def counted(texts: list[str]) -> Tensor:
        calls.append(texts)
        return axes(texts)

    naming = Naming(ROWS, plain=("drawn",))
    for _ in range(30):
        naming.loss(axes(["cat"]), [0], torch.tensor(1.0), counted)
    assert len(calls) == 2
