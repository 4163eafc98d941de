"""The entry of the tables of drawings, and colours that they share."""

from __future__ import annotations

from collections.abc import Callable

from training.render.canvas import Pen, Rgb

DARK, METAL, GLASS, WHITE = (35, 35, 40), (175, 178, 185), (165, 210, 235), (248, 248, 246)


class Drawing:
    """A named drawing: how to draw it, other words for it, and which colours it takes.

    `own_colour` is set for what comes in one colour alone, and then the colour is not named in its text; `usual`
    narrows the choice. Both empty means any colour.
    """

    def __init__(
        self,
        name: str,
        draw: Callable[[Pen, Rgb], None],
        *others: str,
        own_colour: str = "",
        usual: tuple[str, ...] = (),
    ) -> None:
        self.name, self.draw, self.others = name, draw, others
        self.own_colour, self.usual = own_colour, usual
