"""The thousand classes of ImageNet in words: torchvision's names, made plain where they mean two things.

Names of breeds and species say little to someone who searches for "dog" or "bird", so the kind of living thing is told
with them. The order is that of the sorted WordNet ids, in which kinds stand together.
"""

from __future__ import annotations

from torchvision.models import EfficientNet_B0_Weights

_KINDS = (
    (0, 6, "fish"),
    (7, 24, "bird"),
    (25, 29, "amphibian"),
    (30, 32, "frog"),
    (33, 37, "turtle"),
    (38, 48, "lizard"),
    (49, 50, "crocodile"),
    (52, 68, "snake"),
    (70, 77, "spider"),
    (80, 100, "bird"),
    (118, 121, "crab"),
    (122, 123, "lobster"),
    (127, 146, "bird"),
    (147, 148, "whale"),
    (151, 268, "dog"),
    (269, 275, "wild dog"),
    (277, 280, "fox"),
    (281, 285, "cat"),
    (286, 293, "wild cat"),
    (294, 297, "bear"),
    (300, 307, "beetle"),
    (308, 320, "insect"),
    (321, 326, "butterfly"),
    (330, 332, "rabbit"),
    (339, 340, "horse"),
    (341, 343, "pig"),
    (345, 347, "cattle"),
    (348, 349, "sheep"),
    (350, 350, "goat"),
    (365, 369, "ape"),
    (370, 382, "monkey"),
    (383, 384, "lemur"),
    (385, 386, "elephant"),
    (389, 397, "fish"),
    (936, 946, "vegetable"),
    (948, 957, "fruit"),
)
"""First and last class of each kind."""
_PLAIN = {
    134: "crane",
    263: "Pembroke Welsh corgi",
    264: "Cardigan Welsh corgi",
    474: "cardigan sweater",
    517: "construction crane",
    638: "maillot swimsuit",
    639: "maillot swimsuit",
}


def names() -> list[str]:
    """The name of each class."""
    categories: list[str] = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]
    return [_PLAIN.get(number, name) for number, name in enumerate(categories)]


def texts() -> list[tuple[str, str, str]]:
    """What each class is called: as the caption of a photograph, by its name, and by its kind alone."""
    found = []
    for number, name in enumerate(names()):
        kind = next((kind for first, last, kind in _KINDS if first <= number <= last), "")
        tells = kind and kind.split()[-1] not in name.lower()
        found.append(
            (
                f"a photo of a {name}, a {kind}" if tells else f"a photo of a {name}",
                f"{name} {kind}" if tells else name,
                kind or name,
            )
        )
    return found
