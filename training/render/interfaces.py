"""Screens of programs.

Dialogs, pages, editors, terminals, dashboards, phones, on light and dark, in several accents.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from training.render.canvas import (
    NAMES,
    TOPICS,
    VIVID,
    WORDS,
    Drawn,
    Rgb,
    blend,
    lighter,
    listed,
    phrase,
    shade,
)
from training.render.charts import small_chart
from training.render.dialogs import Screen, chrome, error, new_screen, page_behind

_CODE = listed(
    "def return for import self print x = data if const function () { } while class let var int void else : + "
    "== [ ] None true"
)
_SHELL = listed(
    "git status ls -la cd src npm install python main.py make test docker ps ssh server grep -r cat log.txt "
    "sudo apt update"
)


def _login(s: Screen) -> tuple[str, ...]:
    x0 = s.rng.uniform(0.25, 0.4)
    x1 = 1 - x0 if s.rng.random() < 0.8 else x0 + 0.35
    if s.rng.random() < 0.5:
        s.box(x0 - 0.04, 0.12, x1 + 0.04, 0.92, s.panel, radius=0.03)
    s.text(x0, 0.18, s.rng.choice(("Sign in", "Log in", "Welcome back", "Login", "Create account")), 0.085)
    for i, label in enumerate(("Email", "Password")):
        s.box(x0, 0.36 + 0.16 * i, x1, 0.46 + 0.16 * i, s.paper, (150, 150, 158))
        s.text(x0 + 0.01, 0.375 + 0.16 * i, label if s.rng.random() < 0.6 else "********", 0.05, (145, 145, 152))
    s.box(x0, 0.7, x1, 0.81, s.accent, radius=0.02)
    s.text(x0 + 0.06, 0.715, "Sign in", 0.06, (255, 255, 255))
    return (
        "login page",
        "a sign in form with password",
        "login screen",
        "screenshot of a login page",
        "log in to an account",
    )


def _settings(s: Screen) -> tuple[str, ...]:
    s.text(0.05, 0.1, s.rng.choice(("Settings", "Preferences", "Options", "Configuration")), 0.08)
    side = s.rng.random() < 0.6
    if side:
        for i in range(7):
            s.text(0.04, 0.25 + 0.1 * i, s.rng.choice(WORDS).title(), 0.05, s.accent if i == 1 else s.ink)
    for i in range(6):
        y, x = 0.25 + 0.12 * i, 0.32 if side else 0.08
        s.text(x, y, phrase(s.rng, 2).capitalize(), 0.05)
        on = s.rng.random() < 0.5
        kind = s.rng.random()
        if kind < 0.6:
            s.box(0.84, y, 0.93, y + 0.06, s.accent if on else (165, 168, 174), radius=0.03)
            s.box(0.89 if on else 0.845, y + 0.008, 0.925 if on else 0.88, y + 0.052, (255, 255, 255), radius=0.03)
        else:
            s.box(0.72, y, 0.93, y + 0.07, s.paper, (150, 150, 156))
    return (
        "settings page",
        "screenshot of settings",
        "options dialog with switches",
        "preferences window",
        "configuration screen",
    )


def _code(s: Screen) -> tuple[str, ...]:
    rng = s.rng
    palette = [shade(c, rng) for c in ("blue", "orange", "green", "purple")] + [s.ink]
    if sum(s.paper) < 380:
        palette = [lighter(c, 0.4) for c in palette]
    if rng.random() < 0.5:
        s.box(0, 0.08, 0.2, 1, s.panel)
        for i in range(9):
            s.text(0.02, 0.13 + 0.08 * i, f"{rng.choice(WORDS)}.py", 0.038)
        left = 0.22
    else:
        left = 0.02
    size, y, number, indent = rng.uniform(0.034, 0.055), 0.11, 1, 0
    while y < 0.97:
        s.text(left, y, str(number), size, (130, 130, 135), True)
        x = left + 0.06 + 0.03 * indent
        for _ in range(rng.randint(0, 6)):
            word = rng.choice(_CODE)
            s.text(x, y, word, size, rng.choice(palette), True)
            x += (len(word) + 1) * size * 0.6 * s.h / s.w
        indent = max(0, min(4, indent + rng.choice((-1, 0, 0, 1))))
        y, number = y + size * 1.45, number + 1
    return (
        "source code in an editor",
        "screenshot of source code",
        "program code",
        "code editor window",
        "programming",
    )


def _terminal(s: Screen) -> tuple[str, ...]:
    rng = s.rng
    s.box(0, 0.08, 1, 1, rng.choice(((12, 12, 14), (30, 10, 36), (0, 20, 40), (250, 250, 250))))
    light = s.image.getpixel((s.w // 2, s.h // 2)) == (250, 250, 250)
    ink: Rgb = (40, 40, 45) if light else (210, 212, 215)
    size, y = rng.uniform(0.036, 0.055), 0.1
    while y < 0.95:
        prompt = rng.random() < 0.35
        if prompt:
            s.text(0.01, y, rng.choice(("$", "user@host:~$", "PS C:\\>", "%", ">")), size, (60, 190, 90), True)
        line = (
            " ".join(rng.choice(_SHELL) for _ in range(rng.randint(1, 4))) if prompt else phrase(rng, rng.randint(2, 8))
        )
        s.text(0.18 if prompt else 0.01, y, line, size, ink, True)
        y += size * 1.4
    return (
        "terminal window",
        "command line",
        "screenshot of a terminal with shell commands",
        "console output",
        "command prompt",
    )


def _spreadsheet(s: Screen) -> tuple[str, ...]:
    rng = s.rng
    rows, columns = rng.randint(8, 16), rng.randint(4, 9)
    s.box(0, 0.08, 1, 0.17, shade(rng.choice(("green", "gray", "blue")), rng))
    for j in range(columns + 1):
        x = j / columns
        s.draw.line((x * s.w, 0.17 * s.h, x * s.w, s.h), fill=(190, 192, 196))
        if j < columns:
            s.text(x + 0.4 / columns, 0.17, chr(65 + j), 0.04)
    for i in range(rows):
        y = 0.22 + 0.78 * i / rows
        s.draw.line((0, y * s.h, s.w, y * s.h), fill=(190, 192, 196))
        for j in range(columns):
            if rng.random() < 0.8:
                value = rng.choice(WORDS) if j == 0 else str(rng.randint(1, 9999))
                s.text(j / columns + 0.005, y, value, min(0.045, 0.6 / rows))
    return (
        "spreadsheet",
        "a table of numbers",
        "spreadsheet with rows and columns",
        "screenshot of a spreadsheet",
        "table with data",
    )


def _dashboard(s: Screen) -> tuple[str, ...]:
    rng = s.rng
    columns, rows = rng.choice(((2, 2), (3, 2), (2, 1), (3, 3)))
    for i in range(columns):
        if rng.random() < 0.7:
            s.box(0.03 + i / columns * 0.95, 0.1, (i + 0.92) / columns * 0.95 + 0.03, 0.24, s.panel, radius=0.01)
            s.text(0.05 + i / columns * 0.95, 0.12, f"{rng.randint(1, 999)}k", 0.08, s.accent)
    for i in range(columns):
        for j in range(rows):
            x0, y0 = 0.03 + 0.95 * i / columns, 0.28 + 0.7 * j / rows
            x1, y1 = x0 + 0.88 / columns, y0 + 0.64 / rows
            s.box(x0, y0, x1, y1, s.panel)
            area = (x0 * s.w + 5, y0 * s.h + 6, x1 * s.w - 5, y1 * s.h - 4)
            small_chart(s.draw, area, s.panel, rng)
    topic = rng.choice(TOPICS)
    s.text(0.3, 0.015, f"{topic} dashboard".title(), 0.05)
    return (
        "dashboard with charts",
        f"{topic} dashboard",
        "dashboard",
        "several charts on one screen",
        "analytics dashboard screenshot",
    )


def _email(s: Screen) -> tuple[str, ...]:
    for i in range(9):
        y = 0.12 + 0.1 * i
        s.text(0.03, y, s.rng.choice(NAMES), 0.045)
        s.text(0.22, y, phrase(s.rng, 4).capitalize(), 0.045, blend(s.ink, s.paper, 0.3))
        s.draw.line((0, (y + 0.08) * s.h, s.w, (y + 0.08) * s.h), fill=s.panel)
    return ("email inbox", "list of emails", "screenshot of a mail program", "inbox with messages")


def _chat(s: Screen) -> tuple[str, ...]:
    y = 0.1
    while y < 0.88:
        mine, height, width = s.rng.random() < 0.5, s.rng.uniform(0.07, 0.14), s.rng.uniform(0.3, 0.6)
        x = 0.96 - width if mine else 0.04
        s.box(x, y, x + width, y + height, s.accent if mine else s.panel, radius=0.03)
        s.text(x + 0.03, y + 0.015, phrase(s.rng, max(1, int(width * 6))), 0.042, (255, 255, 255) if mine else s.ink)
        y += height + 0.03
    s.box(0.03, 0.91, 0.97, 0.98, s.paper, (160, 160, 165), radius=0.03)
    return ("chat conversation", "messages in a chat app", "screenshot of a messenger", "text messages")


def _files(s: Screen) -> tuple[str, ...]:
    for i in range(s.rng.randint(8, 15)):
        x, y = 0.06 + 0.19 * (i % 5), 0.13 + 0.3 * (i // 5)
        s.box(x + 0.02, y - 0.02, x + 0.06, y + 0.05, (240, 190, 70), radius=0.01)
        s.box(x, y, x + 0.12, y + 0.15, (248, 205, 95), radius=0.01)
        s.text(x, y + 0.17, s.rng.choice(WORDS), 0.04)
    return ("file manager with folders", "folders and files on a computer", "file explorer window")


def _calendar(s: Screen) -> tuple[str, ...]:
    s.text(0.05, 0.09, s.rng.choice(["January", "March", "May", "July", "October", "December"]) + " 2024", 0.07)
    for i in range(7):
        for j in range(5):
            x, y = 0.03 + 0.136 * i, 0.2 + 0.157 * j
            s.box(x, y, x + 0.13, y + 0.15, s.paper, (180, 182, 186))
            s.text(x + 0.01, y + 0.01, str(min(31, i + 7 * j + 1)), 0.04)
            if s.rng.random() < 0.2:
                s.box(x + 0.01, y + 0.08, x + 0.12, y + 0.13, shade(s.rng.choice(VIVID), s.rng))
    return ("calendar", "month view of a calendar", "calendar app with appointments", "schedule")


def _player(s: Screen) -> tuple[str, ...]:
    s.box(0.05, 0.1, 0.95, 0.78, shade(s.rng.choice(VIVID), s.rng))
    x, y, q = s.w * 0.5, s.h * 0.44, s.h * 0.09
    s.draw.polygon([(x - q, y - q), (x + q, y), (x - q, y + q)], fill="white")
    s.box(0.05, 0.85, 0.95, 0.87, (150, 150, 155))
    s.box(0.05, 0.85, s.rng.uniform(0.1, 0.9), 0.87, s.accent)
    return ("video player", "media player with a play button", "music player app")


def _shop(s: Screen) -> tuple[str, ...]:
    for i in range(8):
        x, y = 0.04 + 0.24 * (i % 4), 0.13 + 0.44 * (i // 4)
        s.box(x, y, x + 0.2, y + 0.25, shade(s.rng.choice(VIVID), s.rng))
        s.text(x, y + 0.27, s.rng.choice(WORDS).title(), 0.045)
        s.text(x, y + 0.33, f"${s.rng.randint(3, 99)}.99", 0.05, s.accent)
    return ("online shop", "shopping website with products and prices", "web shop page")


def _article(s: Screen) -> tuple[str, ...]:
    s.text(0.15, 0.12, phrase(s.rng, 4).title(), 0.09)
    if s.rng.random() < 0.6:
        s.box(0.15, 0.26, 0.85, 0.55, shade(s.rng.choice(VIVID), s.rng))
    s.lines(0.15, 0.58, 0.85, 1, 0.045)
    return ("web page with an article", "website", "blog post in a browser", "news article")


def _form(s: Screen) -> tuple[str, ...]:
    for i, label in enumerate(
        s.rng.sample(("Name", "Address", "City", "Phone", "Country", "Email", "Date", "Comment"), 5)
    ):
        s.text(0.1, 0.14 + 0.14 * i, label, 0.05)
        s.box(0.35, 0.13 + 0.14 * i, 0.9, 0.22 + 0.14 * i, s.paper, (150, 150, 156))
    s.box(0.7, 0.86, 0.9, 0.95, s.accent, radius=0.02)
    s.text(0.73, 0.875, "Submit", 0.05, (255, 255, 255))
    return ("form with input fields", "a form to fill in", "registration form")


def _home_screen(s: Screen) -> tuple[str, ...]:
    s.box(0, 0, 1, 1, lighter(s.accent, 0.4))
    for i in range(20):
        x, y = 0.08 + 0.23 * (i % 4), 0.1 + 0.17 * (i // 4)
        s.box(x, y, x + 0.16, y + 0.1, shade(s.rng.choice(VIVID), s.rng), radius=0.02)
    return ("phone home screen with app icons", "smartphone screen", "apps on a mobile phone")


def _menu(s: Screen) -> tuple[str, ...]:
    page_behind(s)
    x, y = s.rng.uniform(0.05, 0.5), s.rng.uniform(0.1, 0.3)
    s.box(x, y, x + 0.35, y + 0.6, s.paper, (140, 140, 145))
    for i in range(8):
        if i == 2:
            s.box(x, y + 0.02 + 0.07 * i, x + 0.35, y + 0.09 + 0.07 * i, s.accent)
        s.text(
            x + 0.02,
            y + 0.025 + 0.07 * i,
            s.rng.choice(("Open", "Save as", "Copy", "Paste", "Delete", "Rename", "Properties", "New", "Cut")),
            0.048,
        )
    return ("context menu", "a menu with commands", "screenshot of a drop-down menu")


def _progress(s: Screen) -> tuple[str, ...]:
    page_behind(s)
    s.box(0.2, 0.3, 0.8, 0.7, s.paper, (130, 130, 136), 0.02)
    s.text(
        0.25, 0.36, s.rng.choice(("Installing", "Downloading", "Updating", "Copying files", "Loading")) + "...", 0.07
    )
    s.box(0.25, 0.53, 0.75, 0.58, s.panel)
    s.box(0.25, 0.53, s.rng.uniform(0.3, 0.74), 0.58, s.accent)
    return ("progress bar", "a dialog showing installation progress", "download progress window")


def _crash(s: Screen) -> tuple[str, ...]:
    s.box(0, 0, 1, 1, s.rng.choice(((0, 90, 180), (0, 20, 160), (0, 0, 0))))
    s.text(0.08, 0.1, s.rng.choice((":(", "FATAL ERROR", "Kernel panic", "STOP")), 0.15, (255, 255, 255))
    s.lines(0.08, 0.35, 0.9, 0.8, 0.05, (240, 240, 245))
    return ("blue screen of death", "system crash screen with an error", "an error message", "operating system crash")


_KINDS: dict[str, tuple[Callable[[Screen], tuple[str, ...]], int, bool]] = {
    # name: how, weight, whether a window frame is drawn first
    "error": (error, 5, True),
    "login": (_login, 3, True),
    "settings": (_settings, 3, True),
    "code": (_code, 4, True),
    "terminal": (_terminal, 3, True),
    "spreadsheet": (_spreadsheet, 3, True),
    "dashboard": (_dashboard, 3, True),
    "email": (_email, 2, True),
    "chat": (_chat, 2, False),
    "files": (_files, 1, True),
    "calendar": (_calendar, 1, True),
    "player": (_player, 1, True),
    "shop": (_shop, 1, True),
    "article": (_article, 2, True),
    "form": (_form, 2, True),
    "home screen": (_home_screen, 1, False),
    "menu": (_menu, 1, True),
    "progress": (_progress, 1, True),
    "crash": (_crash, 1, False),
}


def interface(rng: random.Random, size: int) -> Drawn:
    name = rng.choices(list(_KINDS), [weight for _, weight, _ in _KINDS.values()])[0]
    how, _, framed = _KINDS[name]
    portrait = name == "home screen" or (name in ("chat", "login", "settings") and rng.random() < 0.4)
    screen = new_screen(rng, size, portrait, 0.55 if name in ("code", "dashboard") else 0.25)
    if framed and not portrait:
        chrome(screen)
    texts = (*how(screen), "screenshot" if rng.random() < 0.5 else "user interface")
    return Drawn(screen.image, texts, f"ui:{name}")
