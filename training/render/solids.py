"""Pictures of shaded solids in lit places: what `objects` draws flat, as a camera would see it.

The same names, words and groups as there, so that a flat and a solid red car count as the same thing. `compose_one`,
`compose_count` and `compose_pair` make pictures of given things, for puzzles.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from training.render.canvas import COLOURS, SYNONYMS, VIVID, Drawn, article, shade
from training.render.kit import Kit, Model
from training.render.models_home import HOME
from training.render.models_living import LIVING
from training.render.models_things import THINGS
from training.render.models_vehicles import VEHICLES
from training.render.objects import COUNTS, RELATIONS, Thing, pair_texts, plural
from training.render.rays import Array, Paint, Part, View, cast, ground_shadow, look, shine, yaw_matrix
from training.render.surroundings import Surroundings, paint_behind, surroundings

MODELS = VEHICLES + HOME + THINGS + LIVING
BY_NAME: dict[str, list[Model]] = {}
for _model in MODELS:
    BY_NAME.setdefault(_model.name, []).append(_model)

_FAVOURITES = ("car", "car", "armchair", "chair", "sofa", "house", "bicycle", "cup", "lamp", "flower", "sailboat")
_MEDIA = ("photo", "photo", "picture", "rendering", "3d model", "toy")
_MOST_LINES = 104  # a packed picture has 72; the rest smooths its edges


@dataclass
class _Stand:
    """One thing in its place: parts, and whether the picture is about it."""

    parts: list[Part]
    width: float
    height: float


def any_thing(rng: random.Random) -> Thing:
    """A solid in a colour that it takes; some things come more often."""
    name = rng.choice(_FAVOURITES) if rng.random() < 0.25 else rng.choice(tuple(BY_NAME))
    return Thing(name, colour_for(name, rng), not BY_NAME[name][0].own_colour)


def colour_for(name: str, rng: random.Random) -> str:
    """A colour that suits the solid, vivid ones twice as often as all others where it takes any."""
    model = BY_NAME[name][0]
    return model.own_colour or rng.choice(model.usual or (COLOURS if rng.random() < 0.6 else VIVID))


def recoloured(thing: Thing, rng: random.Random) -> Thing:
    """The same solid in another colour that it takes."""
    choices = BY_NAME[thing.name][0].usual or COLOURS
    return replace(thing, colour=rng.choice([c for c in choices if c != thing.colour]))


def bounds(parts: Sequence[Part]) -> tuple[Array, Array]:
    """Lowest and highest corner `(3,)` of the parts' boxes."""
    corners = np.concatenate([part.corners for part in parts], 1)
    return np.asarray(corners.min(1), np.float32), np.asarray(corners.max(1), np.float32)


def build(model: Model, colour: str, rng: random.Random) -> list[Part]:
    """The parts of a solid, about two units large, on the ground about the origin, turned as it may be."""
    kit = Kit(rng, shade(colour, rng), rng.choice((0.04, 0.12, 0.3, 0.6, 0.9)))
    model.build(kit)
    low, high = bounds(kit.parts)
    size = high - low
    stretch = np.diag([rng.choice((-1, 1)) * rng.uniform(0.95, 1.05), rng.uniform(0.95, 1.05), 1]).astype(np.float32)
    scale = 2 / float(max(size[0], size[1] * 1.15, size[2] * 0.8))
    turn = np.asarray(yaw_matrix(rng.uniform(-model.turn, model.turn), scale) @ stretch, np.float32)
    middle = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2], np.float32)
    return [part.placed(turn, -(turn @ middle)) for part in kit.parts]


def _stand(thing: Thing, rng: random.Random) -> _Stand:
    parts = build(rng.choice(BY_NAME[thing.name]), thing.colour, rng)
    low, high = bounds(parts)
    return _Stand(parts, float(high[0] - low[0]), float(high[1]))


def _moved(stand: _Stand, x: float, y: float, z: float, scale: float = 1.0) -> list[Part]:
    turn, at = np.eye(3, dtype=np.float32) * np.float32(scale), np.array([x, y, z], np.float32)
    return [part.placed(turn, at) for part in stand.parts]


def _clutter(rng: random.Random, wide: float) -> list[Part]:
    """A few plain bodies of other colours behind and beside."""
    kit = Kit(rng, (0, 0, 0), 0.2)
    for _ in range(rng.randint(1, 3)):
        x = rng.choice((-1, 1)) * rng.uniform(0.3, 0.8) * (wide + 1.2)
        z, s = rng.uniform(-2.4, -1.2), rng.uniform(0.15, 0.5)
        paint = Paint(shade(rng.choice(COLOURS), rng), rng.uniform(0.05, 0.6))
        what = rng.randrange(4)
        if what == 0:
            kit.ball((x, s, z), s, paint)
        elif what == 1:
            kit.block((x, s, z), (s * rng.uniform(0.5, 1.6), s, s), paint)
        elif what == 2:
            kit.tube((x, 0, z), (x, s * rng.uniform(1, 4), z), s * 0.7, paint, s * rng.uniform(0.3, 0.7))
        else:
            kit.tube((x, 0, z), (x, s * 2.5, z), s, paint, 0.01)
    return kit.parts


def _framed(view: View, parts: Sequence[Part], aspect: float, share: float, rng: random.Random) -> View:
    """The window in which the parts take the share of the tighter side; they touch its borders above a share of 1."""
    u, v = view.project(np.concatenate([part.corners for part in parts], 1))
    wide, high = float(u.max() - u.min()), float(v.max() - v.min())
    tall = max(high, wide / aspect) / share
    spare_u, spare_v = abs(tall * aspect - wide) / 2, abs(tall - high) / 2
    x = float(u.max() + u.min()) / 2 + rng.uniform(-0.8, 0.8) * spare_u
    y = float(v.max() + v.min()) / 2 + rng.uniform(-0.3, 0.8) * spare_v
    return replace(view, window=(x - tall * aspect / 2, x + tall * aspect / 2, y - tall / 2, y + tall / 2))


def picture(
    parts: Sequence[Part],
    place: Surroundings,
    size: int,
    rng: random.Random,
    share: float,
    extra: Sequence[Part] = (),
    steepest: float = 42,
) -> Image.Image:
    """The parts in a place, seen from in front and above, at most `steepest` degrees; `extra` ones may be out of it."""
    height = min(size, _MOST_LINES)
    width = int(height * rng.uniform(1, 1.35))
    low, high = bounds(parts)
    reach = float(np.linalg.norm(high - low))
    steep = rng.uniform(14, 42) if place.ground in ("table", "cloth", "boards", "tiles") else rng.uniform(3, 28)
    view = look(
        rng.uniform(-8, 8),
        min(steep, steepest),
        reach * rng.uniform(1.4, 3.2),
        np.asarray((low + high) / 2, np.float32),
    )
    view = _framed(view, parts, width / height, share, rng)
    rays, everything = view.rays(width, height), [*parts, *extra]

    def shadow_of(ground: Array) -> Array:
        hard = ground_shadow(everything, view, ground, place.light)
        soft = Image.fromarray((hard * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 2.5)))
        return np.asarray(np.asarray(soft) / 255, np.float32)

    image = paint_behind(place, view.eye, rays, shadow_of)
    if rng.random() < 0.25:
        image = _out_of_focus(image, rng.uniform(0.8, 3))
    frame = cast(everything, view, rays)
    sky = place.back[1] * place.light.above * 1.4 + 0.2 * place.light.lamp
    floor = place.tones[0] * place.light.lamp * 0.6
    image[:, frame.covered] = shine(frame, rays, view.eye, everything, place.light, sky, floor)
    return _developed(image, place, rng)


def _out_of_focus(image: Array, radius: float) -> Array:
    """Blurs what lies behind before anything stands in it."""
    squeezed = Image.fromarray((np.sqrt(np.clip(image, 0, 1)) * 255).astype(np.uint8).transpose(1, 2, 0))
    blurred = np.asarray(squeezed.filter(ImageFilter.GaussianBlur(radius)), np.float32).transpose(2, 0, 1)
    return np.asarray(np.square(blurred / 255), np.float32)


def _developed(image: Array, place: Surroundings, rng: random.Random) -> Image.Image:
    """Linear light to a photograph with its faults: exposure, dark corners, blur, grain and the marks of JPEG."""
    target = rng.uniform(0.5, 0.8) if place.behind == "night" else rng.uniform(1.0, 1.35)
    image = image * (target / float(place.light.lamp.mean() * 0.85 + place.light.above.mean() * 0.8))
    _, h, w = image.shape
    if rng.random() < 0.35:
        y, x = np.mgrid[-1 : 1 : complex(0, h), -1 : 1 : complex(0, w)]
        image = image * (1 - rng.uniform(0.15, 0.4) * np.clip((x * x + y * y) / 2, 0, 1))
    out = np.clip(image, 0, 1) ** (1 / 2.2) * 255
    if rng.random() < 0.4:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal((1, h, w), np.float32)
        out = np.clip(out + noise * rng.uniform(1, 7), 0, 255)
    done = Image.fromarray(out.astype(np.uint8).transpose(1, 2, 0))
    if rng.random() < 0.3:
        done = done.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.4:
        packed = io.BytesIO()
        done.save(packed, "JPEG", quality=rng.randint(35, 85))
        done = Image.open(packed).convert("RGB")
    return done


def _home(thing: Thing) -> str:
    return BY_NAME[thing.name][0].home


def compose_one(thing: Thing, size: int, rng: random.Random) -> tuple[Image.Image, str]:
    """The thing alone, and where it is in words, perhaps none."""
    place, stand = surroundings(rng, _home(thing)), _stand(thing, rng)
    lifted = rng.uniform(0.4, 1.6) if _home(thing) == "air" and rng.random() < 0.6 else 0.0
    share = rng.uniform(1.02, 1.25) if rng.random() < 0.1 else rng.uniform(0.5, 0.96)
    extra = _clutter(rng, stand.width / 2) if rng.random() < 0.35 else []
    image = picture(_moved(stand, 0, lifted, 0), place, size, rng, share, extra)
    return image, "" if lifted and place.words.startswith("on") else place.words


def compose_count(thing: Thing, count: int, size: int, rng: random.Random) -> Image.Image:
    """So many of the thing, in one row or two, none hiding another much."""
    parts: list[Part] = []
    front = count if count <= 3 and rng.random() < 0.7 else (count + 1) // 2
    for i in range(count):
        row, at, of = (0, i, front) if i < front else (1, i - front, count - front)
        stand = _stand(thing, rng)
        step = max(1.9, stand.width + 0.25)
        x = (at - (of - 1) / 2) * step + (0.5 * step if row and of == front else 0) + rng.uniform(-0.1, 0.1)
        parts += _moved(stand, x, 0, -row * 2.4 + rng.uniform(-0.15, 0.15), rng.uniform(0.85, 1.05))
    return picture(parts, surroundings(rng, _home(thing)), size, rng, rng.uniform(0.8, 0.98))


def compose_pair(first: Thing, relation: str, second: Thing, size: int, rng: random.Random) -> Image.Image:
    """Two things in a relation of `objects.RELATIONS`; the upper one on a shelf or in the air."""
    if relation == "next to":
        relation = rng.choice(("left of", "right of"))
    a, b = (_stand(t, rng) for t in ((first, second) if relation in ("left of", "above") else (second, first)))
    place, share = surroundings(rng, _home(rng.choice((first, second)))), rng.uniform(0.75, 0.98)
    if relation in ("left of", "right of"):
        gap = (a.width + b.width) / 2 + rng.uniform(0.1, 0.7)
        z = rng.choice((0.0, 0.0, rng.uniform(-0.8, 0.8)))
        parts = [*_moved(a, -gap / 2, 0, z, rng.uniform(0.8, 1.1)), *_moved(b, gap / 2, 0, -z, rng.uniform(0.8, 1.1))]
        return picture(parts, place, size, rng, share, _clutter(rng, gap) if rng.random() < 0.2 else [])
    level = b.height + rng.uniform(0.25, 0.5)
    extra: list[Part] = []
    if rng.random() < 0.7:
        kit = Kit(rng, (0, 0, 0), 0.1)
        kit.block((0, level - 0.05, 0), (1.3, 0.05, 0.6), Paint(shade(rng.choice(("brown", "white", "gray")), rng)))
        extra = kit.parts
    return picture([*_moved(a, 0, level, 0), *_moved(b, 0, 0, 0)], place, size, rng, share, extra, 13)


def solid(rng: random.Random, size: int) -> Drawn:
    """One solid; texts and group as those of `objects.single`."""
    thing = any_thing(rng)
    image, where = compose_one(thing, size, rng)
    medium, model = rng.choice(_MEDIA), BY_NAME[thing.name][0]
    texts = [thing.phrase, article(thing.phrase), f"{medium} of {article(thing.phrase)}"]
    if medium == "toy":
        texts[2] = f"a toy {thing.name}" if not thing.named else f"a {thing.colour} toy {thing.name}"
    if where:
        texts.append(f"{article(thing.phrase)} {where}")
    texts += [thing.name, f"picture of {article(thing.name)}"]
    texts += [f"{thing.colour} {o}" if thing.named else o for o in model.others[:1]] + list(model.others)
    if thing.colour in SYNONYMS and thing.named:
        texts.append(f"{SYNONYMS[thing.colour]} {thing.name}")
    return Drawn(image, tuple(dict.fromkeys(texts)), f"object:{thing.phrase}")


def solid_pair(rng: random.Random, size: int) -> Drawn:
    """Two solids in a relation; texts as `objects.related` has them."""
    first, second = any_thing(rng), any_thing(rng)
    while second.name == first.name:
        second = any_thing(rng)
    relation = rng.choice(RELATIONS)
    return Drawn(compose_pair(first, relation, second, size, rng), pair_texts(first, relation, second))


def solid_count(rng: random.Random, size: int) -> Drawn:
    """Two to five of a solid; texts and group as `objects.counted` has them."""
    thing, count = any_thing(rng), rng.choice((2, 2, 3, 3, 4, 5))
    noun = plural(thing.name)
    what = f"{thing.colour} {noun}" if thing.named else noun
    texts = (f"{COUNTS[count]} {what}", f"{COUNTS[count]} {noun}", what, f"a photo of {COUNTS[count]} {what}")
    return Drawn(compose_count(thing, count, size, rng), texts, f"count:{count} {thing.phrase}")
