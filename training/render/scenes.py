"""Drawn landscapes, towns, rooms and tables: several drawings put together as one everyday scene."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from training.render.canvas import COLOURS, Drawn, Pen, Rgb, blend, darker, gradient, lighter, shade
from training.render.objects import Thing, any_thing, colour_for, draw_thing, finish

_SKIES: dict[str, tuple[tuple[Rgb, Rgb], ...]] = {
    "day": (((90, 165, 235), (205, 230, 250)), ((60, 130, 215), (170, 215, 245)), ((150, 195, 230), (235, 240, 245))),
    "sunset": (((60, 50, 110), (250, 140, 60)), ((200, 80, 80), (255, 195, 90)), ((120, 70, 130), (255, 165, 110))),
    "sunrise": (((120, 140, 200), (255, 200, 150)), ((150, 120, 170), (255, 215, 140))),
    "night": (((5, 8, 28), (30, 36, 80)), ((0, 0, 12), (22, 22, 50))),
    "storm": (((70, 75, 85), (130, 135, 140)), ((50, 52, 62), (110, 112, 120))),
}


def _sky(size: tuple[int, int], when: str, horizon: float, rng: random.Random) -> Image.Image:
    image = Image.new("RGB", size)
    image.paste(gradient((size[0], horizon), *rng.choice(_SKIES[when])), (0, 0))
    draw = ImageDraw.Draw(image)
    w = size[0]
    if when == "night":
        for _ in range(rng.randint(15, 60)):
            x, y = rng.uniform(0, w), rng.uniform(0, horizon)
            draw.ellipse((x, y, x + 1.5, y + 1.5), fill="white")
        if rng.random() < 0.6:
            draw_thing(draw, Thing("moon", "yellow"), (w * 0.7, horizon * 0.1, w * 0.85, horizon * 0.45), rng)
    elif when != "storm" and rng.random() < 0.75:
        low = when in ("sunset", "sunrise")
        x, y, q = (
            rng.uniform(0.15, 0.85) * w,
            horizon * (rng.uniform(0.75, 1) if low else rng.uniform(0.15, 0.4)),
            w * 0.07,
        )
        draw.ellipse((x - q, y - q, x + q, y + q), fill=(255, rng.randint(180, 235), 90 if low else 140))
    for _ in range(rng.choice((0, 0, 2, 4)) if when != "storm" else 6):
        x, y, s = rng.uniform(-0.1, 0.9) * w, rng.uniform(0, 0.5) * horizon, rng.uniform(0.15, 0.35) * w
        draw_thing(draw, Thing("cloud", "gray" if when == "storm" else "white"), (x, y, x + s, y + s * 0.55), rng)
    return image


def _ridge(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], base: float, height: float, fill: Rgb, rng: random.Random
) -> list[tuple[float, float]]:
    """Mountains along the horizon; returns the peaks."""
    points, peaks, x = [(0.0, base)], [], -0.1 * size[0]
    while x < size[0] * 1.1:
        y = base - height * rng.uniform(0.5, 1)
        peaks.append((x, y))
        points += [(x, y), (x + size[0] * 0.12, base - height * rng.uniform(0.1, 0.4))]
        x += size[0] * rng.uniform(0.2, 0.38)
    draw.polygon([*points, (size[0] * 1.2, base), (0, base)], fill=fill)
    return peaks


def _scatter(
    draw: ImageDraw.ImageDraw,
    names: tuple[str, ...],
    count: int,
    band: tuple[float, float, float],
    scale: float,
    rng: random.Random,
) -> None:
    """Things upon the ground of a band (y low, y high, width), nearer ones larger."""
    low, high, width = band
    for y in sorted(rng.uniform(low, high) for _ in range(count)):
        s = scale * (0.5 + 0.8 * (y - low) / max(1, high - low))
        x = rng.uniform(-0.2 * s, width - 0.8 * s)
        name = rng.choice(names)
        draw_thing(draw, Thing(name, colour_for(name, rng)), (x, y - s, x + s, y), rng)


def beach(rng: random.Random, size: int) -> Drawn:
    when = rng.choice(("day", "sunset", "sunset", "sunrise", "night"))
    w, h = int(size * rng.uniform(1, 1.6)), size
    horizon, shore = h * rng.uniform(0.4, 0.55), h * rng.uniform(0.62, 0.8)
    image = _sky((w, h), when, horizon, rng)
    sea = blend(shade("blue", rng), _SKIES[when][0][1], 0.45 if when in ("sunset", "sunrise") else 0.15)
    image.paste(gradient((w, h - horizon), sea, lighter(sea, 0.25)), (0, int(horizon)))
    draw = ImageDraw.Draw(image)
    sand: Rgb = (235, 210, 155) if when == "day" else (150, 115, 85) if when != "night" else (60, 55, 55)
    points = [(x * w / 12, shore + h * 0.03 * math.sin(x * rng.uniform(0.8, 1.3))) for x in range(13)]
    draw.line(points, fill=(250, 250, 250), width=3)
    draw.polygon([*points, (w, h), (0, h)], fill=sand)
    extra = rng.choice(("", "palm tree", "umbrella", "sailboat", "person"))
    if extra:
        y = horizon + h * 0.08 if extra == "sailboat" else h * 0.95
        s = h * (0.2 if extra == "sailboat" else 0.45)
        x = rng.uniform(0, w - s)
        draw_thing(draw, Thing(extra, colour_for(extra, rng)), (x, y - s, x + s, y), rng)
    at = {
        "day": "a sunny beach",
        "sunset": "a beach at sunset",
        "sunrise": "a beach at sunrise",
        "night": "a beach at night",
    }[when]
    first = {"sunset": "sunset on a beach", "day": "sandy beach and sea"}.get(when, at)
    texts = [first, at, f"{when} by the sea", "a beach", "seashore", "ocean coast"]
    if extra:
        texts.append(f"{extra} {'on the sea' if extra == 'sailboat' else 'on the beach'}")
    return Drawn(finish(image, rng), tuple(texts), f"beach:{when}")


def mountains(rng: random.Random, size: int) -> Drawn:
    when = rng.choice(("day", "day", "sunset", "storm", "night"))
    w, h = int(size * rng.uniform(1, 1.6)), size
    base = h * rng.uniform(0.6, 0.75)
    image = _sky((w, h), when, base, rng)
    draw = ImageDraw.Draw(image)
    snowy, lake = rng.random() < 0.5, rng.random() < 0.3
    rock = rng.choice(((95, 100, 115), (120, 105, 95), (80, 95, 105)))
    _ridge(draw, (w, h), base, h * 0.3, lighter(rock, 0.45), rng)
    for x, y in _ridge(draw, (w, h), base, h * rng.uniform(0.35, 0.55), rock, rng):
        if snowy:
            d = h * 0.1
            draw.polygon(
                [(x, y), (x + d * 0.9, y + d), (x + d * 0.2, y + d * 0.7), (x - d * 0.7, y + d)], fill=(248, 250, 252)
            )
    ground = (240, 244, 250) if snowy and rng.random() < 0.4 else (60, 120, 190) if lake else shade("green", rng)
    draw.rectangle((0, base, w, h), fill=ground)
    if not lake:
        _scatter(draw, ("fir tree",), rng.randint(0, 9), (base, h, w), h * 0.2, rng)
    first = "snowy mountains" if snowy else "mountains"
    texts = [first, "a mountain landscape", "mountain peaks", "nature landscape with mountains"]
    texts += ["mountains by a lake"] if lake else []
    texts += [f"{first} at {when}"] if when in ("sunset", "night") else []
    return Drawn(finish(image, rng), tuple(texts), f"mountains:{first}")


def countryside(rng: random.Random, size: int) -> Drawn:
    kind = rng.choice(("forest", "meadow", "farm", "garden", "desert", "winter", "river", "field"))
    w, h = int(size * rng.uniform(1, 1.6)), size
    horizon = h * rng.uniform(0.35, 0.55)
    image = _sky((w, h), rng.choice(("day", "day", "sunset")), horizon, rng)
    draw = ImageDraw.Draw(image)
    ground = {"desert": (228, 190, 125), "winter": (243, 246, 251), "field": (225, 190, 80)}.get(
        kind, shade("green", rng)
    )
    draw.rectangle((0, horizon, w, h), fill=ground)
    if kind == "river":
        draw.polygon([(w * 0.48, horizon), (w * 0.54, horizon), (w * 0.8, h), (w * 0.25, h)], fill=(70, 135, 205))
    content: dict[str, tuple[tuple[str, ...], int]] = {
        "forest": (("tree", "fir tree", "fir tree"), 16),
        "meadow": (("flower", "tulip", "butterfly"), 9),
        "farm": (("cow", "sheep", "horse", "pig", "house"), 5),
        "garden": (("flower", "tulip", "tree", "bee"), 9),
        "desert": (("cactus",), 4),
        "winter": (("fir tree", "snowman", "house"), 6),
        "river": (("tree",), 5),
        "field": (("tree",), 2),
    }
    names, count = content[kind]
    _scatter(draw, names, rng.randint(count // 2 + 1, count), (horizon + h * 0.05, h * 0.98, w), h * 0.34, rng)
    words = {
        "forest": ("forest", "trees in a forest", "woods"),
        "meadow": ("flower meadow", "flowers on a meadow", "spring field"),
        "farm": ("farm animals on a meadow", "a farm", "animals on a pasture"),
        "garden": ("a garden with flowers", "garden"),
        "desert": ("desert with cactus", "a desert", "sand and cacti"),
        "winter": ("winter landscape with snow", "snowy winter scene"),
        "river": ("a river through green land", "river landscape"),
        "field": ("a wheat field", "yellow field"),
    }[kind]
    return Drawn(finish(image, rng), (*words, "landscape", "nature"), f"country:{kind}")


def town(rng: random.Random, size: int) -> Drawn:
    when = rng.choice(("day", "day", "night", "night", "sunset"))
    w, h = int(size * rng.uniform(1, 1.6)), size
    street = rng.random() < 0.55
    base = h * (0.78 if street else 0.92)
    image = _sky((w, h), when, base, rng)
    draw = ImageDraw.Draw(image)
    x = -5.0
    while x < w:
        bw, bh = w * rng.uniform(0.07, 0.16), h * rng.uniform(0.25, 0.72)
        wall = rng.choice(((120, 125, 135), (165, 140, 120), (90, 100, 125), (190, 185, 175), (150, 85, 70)))
        wall = darker(wall, 0.72) if when == "night" else wall
        draw.rectangle((x, base - bh, x + bw, base), fill=wall)
        _windows(draw, (x, base - bh, x + bw, base), when == "night", rng)
        x += bw + rng.choice((0, 0, 3))
    draw.rectangle((0, base, w, h), fill=(70, 70, 75) if when != "night" else (25, 25, 30))
    extra = ""
    if street:
        extra = rng.choice(("car", "bus", "bicycle", "person", "truck"))
        colour = colour_for(extra, rng)
        s = h * 0.3
        px = rng.uniform(0, w - s * 1.3)
        draw_thing(draw, Thing(extra, colour), (px, h * 0.99 - s, px + s * 1.25, h * 0.99), rng)
        extra = f"{colour} {extra}"
    first = {"night": "city at night", "sunset": "city skyline at sunset"}.get(
        when, "city street" if street else "city skyline"
    )
    texts = [
        first,
        "city buildings",
        "a town" if rng.random() < 0.5 else "skyscrapers",
        f"cityscape at {when}" if when != "day" else "cityscape",
    ]
    texts += [f"a {extra} in the city", f"a {extra} on a street"] if extra else []
    return Drawn(finish(image, rng), tuple(texts), f"town:{first}")


def _windows(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], lit: bool, rng: random.Random) -> None:
    x0, y0, x1, y1 = box
    step = max(5.0, (x1 - x0) / rng.randint(2, 4))
    y = y0 + 4
    while y + 4 < y1:
        x = x0 + 2
        while x + 3 < x1:
            if not lit or rng.random() < 0.6:
                draw.rectangle((x, y, x + step * 0.5, y + 4), fill=(250, 220, 120) if lit else (190, 215, 235))
            x += step
        y += 9


_ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bedroom": (("bed", "lamp", "book"), ("a bed in a bedroom",)),
    "living room": (("sofa", "lamp", "table"), ("a sofa in a living room", "lounge")),
    "dining room": (("table", "chair", "chair"), ("table and chairs",)),
    "office": (("table", "laptop", "chair", "lamp"), ("a desk with a computer", "workplace")),
    "kitchen": ((), ("kitchen with cupboards and a stove", "a fridge and a sink")),
    "bathroom": ((), ("bathroom with a bathtub", "bath and washbasin")),
}


def room(rng: random.Random, size: int) -> Drawn:
    name = rng.choice(tuple(_ROOMS))
    things, others = _ROOMS[name]
    w, h = int(size * rng.uniform(1, 1.5)), size
    floor = h * rng.uniform(0.6, 0.72)
    image = Image.new("RGB", (w, h), lighter(shade(rng.choice(COLOURS), rng), rng.uniform(0.5, 0.85)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, floor, w, h), fill=rng.choice(((150, 105, 65), (190, 185, 180), (120, 90, 70), (210, 190, 160))))
    x, y = rng.uniform(0.1, 0.6) * w, h * 0.08
    draw.rectangle((x, y, x + w * 0.26, y + h * 0.3), fill=(185, 220, 245), outline="white", width=4)
    if name == "kitchen":
        _kitchen(draw, w, h, floor, rng)
    elif name == "bathroom":
        _bathroom(draw, w, h, floor, rng)
    for i, thing in enumerate(things):
        s = h * (0.6 if thing in ("bed", "sofa", "table") else 0.38)
        px = w * (i + 0.5) / len(things) - s / 2 + rng.uniform(-8, 8)
        draw_thing(draw, Thing(thing, colour_for(thing, rng)), (px, h * 0.97 - s, px + s * 1.15, h * 0.97), rng)
    return Drawn(
        finish(image, rng),
        (name, f"a {name}" if name != "office" else "an office", *others, "room interior"),
        f"room:{name}",
    )


def _kitchen(draw: ImageDraw.ImageDraw, w: int, h: int, floor: float, rng: random.Random) -> None:
    wood = shade(rng.choice(("white", "brown", "gray", "blue", "green")), rng)
    for i in range(5):
        x = w * (0.04 + 0.19 * i)
        draw.rectangle((x, floor - h * 0.1, x + w * 0.17, h * 0.92), fill=wood, outline=darker(wood))
        if i != 2:
            draw.rectangle((x, h * 0.05, x + w * 0.17, h * 0.28), fill=wood, outline=darker(wood))
    draw.rectangle((0, floor - h * 0.14, w, floor - h * 0.09), fill=(90, 85, 85))
    for x in (0.45, 0.53):
        draw.ellipse((w * x, floor - h * 0.17, w * x + w * 0.06, floor - h * 0.13), fill=(40, 40, 42))
    draw.rectangle((w * 0.82, h * 0.16, w * 0.98, h * 0.93), fill=(225, 228, 232), outline=(150, 150, 155))


def _bathroom(draw: ImageDraw.ImageDraw, w: int, h: int, floor: float, rng: random.Random) -> None:
    for x in range(0, w, 14):
        draw.line((x, h * 0.3, x, floor), fill=(225, 230, 235))
    draw.rounded_rectangle((w * 0.04, h * 0.6, w * 0.5, h * 0.9), 14, fill="white", outline=(170, 175, 180), width=2)
    draw.ellipse((w * 0.62, h * 0.5, w * 0.88, h * 0.62), fill="white", outline=(170, 175, 180), width=2)
    draw.rectangle((w * 0.72, h * 0.6, w * 0.78, h * 0.9), fill=(235, 235, 238))
    draw.rectangle((w * 0.64, h * 0.1, w * 0.86, h * 0.42), fill=(205, 228, 240), outline=(150, 155, 160), width=2)


def meal(rng: random.Random, size: int) -> Drawn:
    """Food seen from the side or upon a plate."""
    food = rng.choice(
        (
            "pizza",
            "cake",
            "apple",
            "banana",
            "hamburger",
            "fried egg",
            "ice cream",
            "doughnut",
            "loaf of bread",
            "pear",
            "cherry",
            "carrot",
        )
    )
    image = Image.new(
        "RGB", (int(size * rng.uniform(1, 1.4)), size), lighter(shade(rng.choice(COLOURS), rng), rng.uniform(0.2, 0.8))
    )
    w, h = image.size
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.7:
        pen = Pen(draw, (w * 0.06, h * 0.3, w * 0.94, h * 0.98), rng)
        pen.oval(0.5, 0.5, 0.5, 0.48, (250, 250, 250))
        pen.oval(0.5, 0.5, 0.38, 0.36, (238, 238, 240))
    s = h * rng.uniform(0.5, 0.75)
    colour = colour_for(food, rng)
    draw_thing(draw, Thing(food, colour), ((w - s) / 2, (h - s) / 2, (w + s) / 2, (h + s) / 2), rng)
    if rng.random() < 0.3:
        draw_thing(draw, Thing("cup", colour_for("cup", rng)), (w * 0.02, h * 0.1, w * 0.28, h * 0.45), rng)
    return Drawn(
        finish(image, rng),
        (food, f"{food} on a plate", f"a plate of food with {food}", "food", "a meal"),
        f"meal:{food}",
    )


def sky_alone(rng: random.Random, size: int) -> Drawn:
    when = rng.choice(tuple(_SKIES))
    image = _sky((int(size * 1.4), size), when, size, rng)
    words = {
        "day": ("blue sky", "sky with clouds"),
        "sunset": ("sunset", "sunset sky", "evening sky"),
        "sunrise": ("sunrise", "morning sky"),
        "night": ("night sky", "stars in the night sky"),
        "storm": ("storm clouds", "dark cloudy sky"),
    }[when]
    return Drawn(finish(image, rng), words, f"sky:{when}")


def gathering(rng: random.Random, size: int) -> Drawn:
    """People at some activity, or several animals together."""
    w, h = int(size * rng.uniform(1.1, 1.6)), size
    image = _sky((w, h), "day", h * 0.55, rng)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, h * 0.55, w, h), fill=shade(rng.choice(("green", "green", "brown", "gray")), rng))
    people, other = rng.randint(1, 4), any_thing(rng)
    for i in range(people):
        s = h * rng.uniform(0.5, 0.7)
        x = w * (i + 0.6) / (people + 1) - s / 2
        draw_thing(draw, Thing("person", rng.choice(COLOURS)), (x, h * 0.95 - s, x + s * 0.8, h * 0.95), rng)
    s = h * 0.36
    draw_thing(draw, other, (w - s * 1.05, h * 0.96 - s, w - 0.05 * s, h * 0.96), rng)
    who = "a person" if people == 1 else rng.choice(("people", "a group of people"))
    texts = (
        f"{who} with a {other.name}",
        who,
        f"{who} and a {other.phrase}",
        "person standing outside" if people == 1 else "people standing outside",
    )
    return Drawn(finish(image, rng), texts, "")
